package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/state"
)

// Download is a release that is being downloaded, or that of a package, which is being compared.
type Download struct {
	Release  string    `json:"release"` // as it is configured
	Since    time.Time `json:"since"`
	Packaged bool      `json:"packaged,omitempty"`
}

// Announce says what is going on.
func (f Download) Announce() string {
	if f.Packaged {
		return "the gVisor that a package installed is being compared with what the package manager recorded"
	}
	return "gVisor " + f.Release + " is being downloaded; until then the installed release is enforced"
}

// InWords says since when, for the release that is held.
func (f Download) InWords() string {
	if f.Packaged {
		return fmt.Sprintf("it has been compared with what the package manager recorded since %s", f.Since.Format(time.TimeOnly))
	}
	return fmt.Sprintf("its download has been running since %s", f.Since.Format(time.TimeOnly))
}

// AtMostItsTable makes the state of one look no better than its drifts and its items: one of them may be critical,
// no proof may fit the form that a runtime has in dockerd, or another run may be changing the host.
func (s *Status) AtMostItsTable(drifts []checkup.Drift) {
	var parts []string
	act := "`sudo runsc-provisioner apply` proves it"
	if len(drifts) > 0 {
		parts = []string{Join(drifts, func(d checkup.Drift) string { return d.Item })}
		act = "`sudo runsc-provisioner apply` repairs it"
	}
	for _, item := range s.Host {
		critical := item.Health == checkup.Critical
		isRuntime := strings.HasPrefix(item.Name, checkup.RuntimeItemName(""))
		switch {
		case item.Name == checkup.JournalItemName && item.Health == checkup.Warning:
			s.State, s.Line = StateWaiting, string(StateWaiting)+": "+item.Seen
			return
		case item.Name == checkup.JournalItemName && critical:
			parts, act = append(parts, item.Name), item.Remedy
		case len(drifts) > 0: // they name what is critical
		case critical, isRuntime && item.Health != checkup.Healthy && s.State == StateEnforced:
			parts = append(parts, item.Name+": "+item.Seen)
		}
	}
	if len(parts) > 0 {
		s.State, s.Line = StateDrifted, string(StateDrifted)+": "+strings.Join(parts, ", ")+"; "+act
	}
}

// AddJournal adds an open journal to a status that the daemon published before: a run may have been killed since.
func (s *Status) AddJournal(open *state.OpenJournal) {
	if slices.ContainsFunc(s.Host, func(item checkup.Item) bool { return item.Name == checkup.JournalItemName }) {
		return
	}
	s.Host = checkup.AddJournalItem(s.Host, open)
	switch last := len(s.Host) - 1; {
	case open == nil || s.Host[last].Health != checkup.Critical:
	case s.State == StateEnforced, s.State == StateHeld, s.State == StateContested, s.State == StateFetching:
		s.State, s.Line = StateDrifted, string(StateDrifted)+": "+checkup.JournalItemName+"; "+s.Host[last].Remedy
	}
}

// AddRecords adds what is wrong with the records to a status that the daemon published before.
func (s *Status) AddRecords(items []checkup.Item) {
	for _, item := range items {
		if slices.ContainsFunc(s.Host, func(known checkup.Item) bool { return known.Seen == item.Seen }) {
			continue
		}
		s.Host = append(s.Host, item)
		switch {
		case item.Health != checkup.Critical:
		case s.State == StateEnforced, s.State == StateHeld, s.State == StateContested, s.State == StateFetching:
			s.State, s.Line = StateFailing, string(StateFailing)+": "+item.Name+": "+item.Seen
		}
	}
}
