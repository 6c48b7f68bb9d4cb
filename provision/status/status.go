// Package status is what the daemon says of a host, and of its own work: for the status file, for `status`, for the
// unit's status line and for metrics. It is pure.
package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/contest"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

// SchemaVersion is the version of Status as JSON.
const SchemaVersion = 1

// State is the state of the host in one word.
type State string

// The states, from good to bad.
const (
	StateEnforced  State = "enforced"  // the host matches the configuration
	StateStarting  State = "starting"  // before the first look
	StateWaiting   State = "waiting"   // for Docker, or another run
	StateHeld      State = "held"      // matches, except for changes that need consent
	StateContested State = "contested" // matches, except for what another program keeps changing
	StateDrifted   State = "drifted"   // does not match, and no daemon runs to repair it
	StateFetching  State = "fetching"  // matches, except for a release that is being downloaded
	StateFailing   State = "failing"   // a look or a repair failed
)

// States lists all states.
func States() []State {
	return []State{StateEnforced, StateStarting, StateWaiting, StateHeld, StateContested, StateFetching, StateDrifted, StateFailing}
}

// Status is what the daemon knows, for users and programs. It may have text from
// outside, so do not print it to a terminal unchanged.
type Status struct {
	SchemaVersion int       `json:"schema_version"`
	State         State     `json:"state"`
	Line          string    `json:"line"` // the state in a sentence
	PID           int       `json:"pid"`
	PIDStart      uint64    `json:"pid_start"` // clock ticks since boot
	Started       time.Time `json:"started"`
	LastLook      time.Time `json:"last_look,omitzero"`
	LastSuccess   time.Time `json:"last_success,omitzero"` // the last look without an error, a wait or a missing release
	NextLook      time.Time `json:"next_look,omitzero"`    // at the latest

	Wanted     Wanted `json:"wanted"`
	ConfigKept string `json:"config_kept,omitempty"` // why the last good configuration is kept
	// AcceptedUnread is why the record of the accepted configuration cannot be used.
	AcceptedUnread string `json:"accepted_unread,omitempty"`
	// Unwatched is why some files cannot be watched: the timer alone notices their drift.
	Unwatched string `json:"unwatched,omitempty"`

	Docker     string            `json:"docker"`            // docker.service's state, and dockerd's version
	Release    string            `json:"release,omitempty"` // the installed release that the configuration wants
	Host       []checkup.Item    `json:"host"`
	LastDrift  *LastDrift        `json:"last_drift,omitempty"`
	Held       []steps.Held      `json:"held"`
	Contested  []contest.Contest `json:"contested"`
	Fetching   *Download         `json:"fetching,omitempty"` // the release that is wanted
	Upgrade    *Upgrade          `json:"upgrade,omitempty"`  // nil unless the daemon upgrades by itself
	Error      string            `json:"error,omitempty"`
	Containers Containers        `json:"containers"`
	Names      *Names            `json:"names,omitempty"` // nil unless [docker] names is set
	Counts     Counts            `json:"counts"`

	Object string `json:"object,omitempty"` // what an error or a wait is about; "" if not known
	public string
}

// Public is the state in a sentence without text of other programs, which may quote secrets. systemd shows it
// to every user.
func (s Status) Public() string { return s.public }

// Wanted is a summary of the configuration.
type Wanted struct {
	Release        string   `json:"release"`
	Runtimes       []string `json:"runtimes"`
	DefaultRuntime string   `json:"default_runtime,omitempty"`
	UsernsRemap    string   `json:"userns_remap,omitempty"`
	Builds         string   `json:"builds,omitempty"`
	Names          string   `json:"names,omitempty"`
	MaxDisruption  string   `json:"max_disruption"`
}

// LastDrift is the item that was last found changed.
type LastDrift struct {
	checkup.Drift
	At       time.Time `json:"at"`
	Repaired time.Time `json:"repaired,omitzero"`
}

// Upgrade is how the daemon looks for a newer release.
type Upgrade struct {
	Next   time.Time `json:"next,omitzero"`    // when it asks again, unless the window is closed then
	Result string    `json:"result,omitempty"` // why it has not upgraded
}

// Containers counts the running containers.
type Containers struct {
	Known     bool      `json:"known"` // they were looked at
	Sandboxed int       `json:"sandboxed"`
	Outside   int       `json:"unsandboxed"`
	Unknown   int       `json:"unknown"`
	Strays    []Outside `json:"outside,omitempty"` // at most maxStrays that should be in a sandbox
	// NotStarted stayed down because dockerd did not find their runtime.
	NotStarted []host.NotStarted `json:"not_started,omitempty"`
}

// Outside is a container that runs outside a sandbox although one is the default.
type Outside struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Image   string `json:"image"`
	Runtime string `json:"runtime"`
	Why     string `json:"why"`
	Allowed bool   `json:"allowed"` // by its image's digest
}

// Names is how far the names of containers in sandboxes are kept.
type Names struct {
	Kept  int       `json:"kept"` // running containers with all their names …
	Of    int       `json:"of"`   // … of those in a sandbox on a network that a user made
	Left  []Unnamed `json:"left,omitempty"`
	Error string    `json:"error,omitempty"` // why none can be kept
}

// Unnamed is a container with a file that is not as it should be.
type Unnamed struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	File string `json:"file"` // hosts, resolv.conf, config.v2.json
	Why  string `json:"why"`
}

// Counts are totals since the daemon started.
type Counts struct {
	Looks       uint64            `json:"looks"`
	Drifts      map[string]uint64 `json:"drifts"`  // by item
	Repairs     map[string]uint64 `json:"repairs"` // by item
	Failures    uint64            `json:"failures"`
	Reloads     uint64            `json:"reloads"`
	Restarts    uint64            `json:"restarts"`   // including starts of a Docker that was left down
	Recoveries  uint64            `json:"recoveries"` // of interrupted runs
	SetAside    uint64            `json:"set_aside"`  // recoveries that failed
	Unsandboxed uint64            `json:"unsandboxed_starts"`
	Brief       BriefCounts       `json:"brief"`
	Stopped     uint64            `json:"stopped_containers"`
}

// BriefCounts counts the containers that ended before the daemon looked at them, by the
// runtime that they were created with.
type BriefCounts struct {
	Sandboxed uint64 `json:"sandboxed"`
	Outside   uint64 `json:"unsandboxed"`
	Unknown   uint64 `json:"unknown"` // dockerd could not say
}

// Clone returns a copy of c with copies of its maps.
func (c Counts) Clone() Counts {
	c.Drifts, c.Repairs = maps.Clone(c.Drifts), maps.Clone(c.Repairs)
	return c
}

// Sum sets State and Line from the other fields. waiting is what the daemon waits
// for, or "".
func (s *Status) Sum(waiting string) {
	var text, public string
	switch {
	case s.Error != "":
		s.State, text, public = StateFailing, s.Error, cmp.Or(s.Object, "the last look failed")
	case waiting != "":
		s.State, text, public = StateWaiting, waiting, s.Object
	case len(s.Contested) > 0:
		s.State = StateContested
		text = "another program keeps changing " + Join(s.Contested, func(c contest.Contest) string { return c.Item })
	case len(s.Held) > 0:
		s.State, text = StateHeld, Join(s.Held, func(h steps.Held) string { return h.What })
	case s.Fetching != nil:
		s.State, text = StateFetching, "gVisor "+s.Fetching.Release+" since "+s.Fetching.Since.Format(time.TimeOnly)
	default:
		s.State, text = StateEnforced, s.wantedInWords()
		if i := slices.IndexFunc(s.Host, func(item checkup.Item) bool { return item.Health == checkup.Critical }); i >= 0 {
			s.State, text, public = StateFailing, s.Host[i].Name+": "+s.Host[i].Seen, s.Host[i].Name
		}
	}
	var parts []string
	if s.Containers.Known {
		parts = append(parts, s.Containers.InWords())
	}
	if s.ConfigKept != "" {
		parts = append(parts, "last good configuration kept")
	}
	if s.AcceptedUnread != "" {
		parts = append(parts, "the record of the accepted configuration is damaged")
	}
	if slices.ContainsFunc(s.Host, func(i checkup.Item) bool { return i.Name == checkup.StateItemName && i.Health == checkup.Warning }) {
		parts = append(parts, "a record cannot be used")
	}
	if s.Unwatched != "" {
		parts = append(parts, "files cannot be watched")
	}
	sentence := func(text string) string {
		return string(s.State) + ": " + strings.Join(append([]string{text}, parts...), "; ")
	}
	if s.Line, s.public = sentence(text), sentence(text); public != "" {
		s.public = sentence(public + " (sudo runsc-provisioner status says why)")
	}
}

func (s *Status) wantedInWords() string {
	words := []string{"gVisor " + s.Release + " as " + strings.Join(s.Wanted.Runtimes, ", ")}
	return strings.Join(append(words, s.Wanted.OptionsInWords()...), ", ")
}

// OptionsInWords names the settings of Docker that are configured and need not be.
func (w Wanted) OptionsInWords() []string {
	var words []string
	for _, option := range []struct{ name, value string }{
		{"default runtime", w.DefaultRuntime}, {"userns-remap", w.UsernsRemap}, {"builds", w.Builds}, {"names", w.Names},
	} {
		if option.value != "" {
			words = append(words, option.name+" "+option.value)
		}
	}
	return words
}

func (c Containers) InWords() string {
	words := fmt.Sprintf("%d of %d containers in a sandbox", c.Sandboxed, c.Sandboxed+c.Outside+c.Unknown)
	switch n := len(c.Strays); n {
	case 0:
	case 1:
		words += ", 1 should be and is not"
	default:
		words += fmt.Sprintf(", %d should be and are not", n)
	}
	if n := len(c.NotStarted); n > 0 {
		words += fmt.Sprintf(", %d did not start", n)
	}
	if c.Unknown > 0 {
		words += fmt.Sprintf(", %d cannot be judged", c.Unknown)
	}
	return words
}

// WantedOf returns a summary of c.
func WantedOf(c config.Config) Wanted {
	return Wanted{
		Release:        c.Release.Version,
		Runtimes:       c.RuntimeNames(),
		DefaultRuntime: c.Docker.DefaultRuntime,
		UsernsRemap:    c.Docker.UsernsRemap,
		Builds:         c.Docker.Builds,
		Names:          c.Docker.Names,
		MaxDisruption:  c.Enforce.MaxDisruption.String(),
	}
}

func Join[T any](all []T, word func(T) string) string {
	var words []string
	for _, one := range all {
		words = append(words, word(one))
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ", ")
}
