package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/contest"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

// LookOnce returns the status of a host without a running daemon, from one look that
// changes nothing. If the record of the accepted configuration may not be read, the
// error is fs.ErrPermission; others are those of Observe.
func LookOnce(ctx context.Context, h *host.Host, now time.Time) (Status, error) {
	if damage := h.ConfigFiles().Accepted().Damage; errors.Is(damage, fs.ErrPermission) {
		return Status{}, damage // without the record, the status would be wrong
	}
	config, err := keep(h, keptConfig{})
	if err != nil {
		return Status{}, err
	}
	c := config.Config
	s := Status{SchemaVersion: SchemaVersion, LastLook: now, Wanted: summarize(c), ConfigKept: config.whyKept, AcceptedUnread: config.recordDamage, Held: []steps.Held{}, Contested: []contest.Contest{}}
	o, err := h.Observe(ctx, c)
	var reach *blocked.Unreachable
	if errors.As(err, &reach) && !errors.Is(err, fs.ErrPermission) {
		s.Docker, s.Host = "not known", checkup.AddJournalItem(nil, h.State().OpenJournal())
		s.sum(err.Error())
		return s, nil
	}
	if err != nil {
		return Status{}, err
	}
	out := outcome{observed: o, unit: o.Unit, config: config}
	s.Docker, s.Release = dockerInWords(&out), out.installed()
	if s.Host, err = checkup.Items(c, o); err != nil {
		return Status{}, err
	}
	report, err := audit.Report(ctx, h, c, o)
	if err != nil {
		return Status{}, err
	}
	waiting := ""
	if o.Engine != nil {
		s.Containers = countReport(report, c)
		down, _, err := h.NotStarted(ctx, o, c.RuntimeNames())
		if err != nil {
			return Status{}, err
		}
		s.Containers.NotStarted = down[:min(len(down), maxNotStarted)]
	} else {
		waiting = fmt.Sprintf("%s is %s", host.DockerUnit, o.Unit.ActiveState)
	}
	if rejecting := plan.NewGoal(c, o).Rejecting(); rejecting != nil {
		s.Held = append(s.Held, rejecting.Held())
	}
	s.sum(waiting)
	drifts, err := checkup.Drifts(c, o)
	if err != nil {
		return s, err
	}
	s.atMostItsTable(drifts)
	return s, nil
}

// atMostItsTable makes the state of one look no better than its drifts and its items: one of them may be critical,
// no proof may fit the form that a runtime has in dockerd, or another run may be changing the host.
func (s *Status) atMostItsTable(drifts []checkup.Drift) {
	var parts []string
	act := "`sudo runsc-provisioner apply` proves it"
	if len(drifts) > 0 {
		parts = []string{joined(drifts, func(d checkup.Drift) string { return d.Item })}
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

// countReport counts the containers of a report.
func countReport(report verify.Report, c config.Config) Containers {
	all := containers{judged: map[string]finding{}, sawAll: true}
	_, managed := c.Docker.Runtimes[c.Docker.DefaultRuntime]
	for _, verdict := range report.Verdicts {
		all.judged[verdict.Container.ID] = finding{verdict: verdict, stray: managed && verdict.State == verify.NotSandboxed}
	}
	return all.count()
}
