// Package steps has every kind of change that a plan can contain, as data. It changes nothing itself.
package steps

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// Step is one change of a host, as data. A new kind of step is a type with these two methods, and a row in
// provision that carries it out.
type Step interface {
	Kind() Kind
	Object() string // what the step acts on, in one line for people
}

// Kind is what all steps of one type have in common.
type Kind struct {
	Action     string // one word, for people and machines
	Disruption config.Disruption
	// Shared says that the step changes or uses what others use too: Docker, daemon.json, the link. Such
	// steps need a journal.
	Shared bool
	// Settled says that the step comes after the end of the transaction: its failure undoes nothing.
	Settled bool
	// Lasts says that the effect stays if the run is interrupted later.
	Lasts bool
}

func (InstallRelease) Kind() Kind  { return Kind{Action: "install", Lasts: true} }
func (Prove) Kind() Kind           { return Kind{Action: "prove"} }
func (ProveInDocker) Kind() Kind   { return Kind{Action: "prove", Shared: true} }
func (Link) Kind() Kind            { return Kind{Action: "link", Shared: true, Lasts: true} }
func (WriteDaemonJSON) Kind() Kind { return Kind{Action: "write", Shared: true, Lasts: true} }
func (Reload) Kind() Kind {
	return Kind{Action: "reload", Disruption: config.DisruptionReload, Shared: true}
}
func (Restart) Kind() Kind {
	return Kind{Action: "restart", Disruption: config.DisruptionRestart, Shared: true}
}
func (Confirm) Kind() Kind       { return Kind{Action: "confirm"} }
func (RemoveRelease) Kind() Kind { return Kind{Action: "remove", Lasts: true} }
func (Unlink) Kind() Kind        { return Kind{Action: "remove", Lasts: true, Settled: true} }
func (AddAccount) Kind() Kind    { return Kind{Action: "account", Lasts: true} }
func (RemoveAccount) Kind() Kind { return Kind{Action: "account", Lasts: true} }
func (EditIDs) Kind() Kind       { return Kind{Action: "ids", Lasts: true} }
func (SaveImages) Kind() Kind    { return Kind{Action: "save", Lasts: true} }
func (LoadImages) Kind() Kind    { return Kind{Action: "load", Lasts: true} }
func (DropImages) Kind() Kind    { return Kind{Action: "remove", Lasts: true} }

// Held is a change that is not made now: it needs consent, more disruption than this run may cause, or a
// decision of the user.
type Held struct {
	What string `json:"what"`
	Why  string `json:"why"`
	// Containers are the names of the running containers that the change would stop, or hide from dockerd.
	Containers []string `json:"containers,omitempty"`
	// Arguments are the arguments that the held release rejects.
	Arguments []string `json:"arguments,omitempty"`
}

// InstallRelease fetches, authenticates and stores a release.
type InstallRelease struct {
	Spec    release.Spec
	Why     string
	Damaged bool // it is installed, but damaged
	// AllowDowngrade accepts a release that is older than one which was seen.
	AllowDowngrade bool
	// Asked says that a person asks for what the source has, also if this host went back from it.
	Asked bool
	// Auto says that the daemon looks for a newer release by itself. It takes one that has been out for After.
	Auto  bool
	After time.Duration
}

// Prove starts a sandbox of the release outside Docker, with the arguments that the runtime will have.
type Prove struct {
	Release string // its name in the store; it may not be installed yet
	Runtime string
	Args    []string
	// CgroupDriver is that of dockerd, cgroupfs or systemd, so that the proof's cgroup is made like those
	// of containers. "" makes none.
	CgroupDriver string
}

// ProveInDocker lets dockerd start a container of this program under the runtime.
type ProveInDocker struct {
	Release string
	Runtime string
	Args    []string
	// UIDMap is the uid_map that its processes must have; nil is any.
	UIDMap []verify.IDRange
	// Writes says whether the runtime promises to keep changes that a container makes to its root file
	// system. If it does, Docker must see each of them.
	Writes verify.Writes
}

// Link points the link in PATH at runsc of the release.
type Link struct {
	Path    string
	Target  string
	Release string
}

// WriteDaemonJSON replaces Old by New. If the file no longer has exactly Old, nothing is written.
type WriteDaemonJSON struct {
	File daemonfile.File // as observed; File.Bytes is superseded by Old
	Old  []byte
	New  []byte // nil: no file
	What string
	// Items names the items that get another value, as checkup.Drift does.
	Items []string
}

// Reload makes dockerd read daemon.json again; no container is disturbed.
type Reload struct {
	Unit string
	// FileUnchanged says that daemon.json is right already, and only dockerd differs from it.
	FileUnchanged bool
	// MustTake names options of daemon.json that dockerd has not loaded yet and must take before the restart
	// that follows. A reload refuses a wrong value; a start would fail on it.
	MustTake []string
}

// Restart restarts dockerd. This stops the running containers, unless live-restore keeps them.
type Restart struct {
	Unit  string
	Stops []string // names of the containers that it stops
	// Keeps says that live-restore keeps the containers, which Stops does not name.
	Keeps bool
}

// Confirm waits until dockerd reports that it runs with these settings.
type Confirm struct{ Settings }

// RemoveRelease deletes an old release that nothing runs from.
type RemoveRelease struct {
	Name string
	Dir  string
}

// Unlink removes our link from a path that is no longer configured.
type Unlink struct{ Path string }

func (s InstallRelease) Object() string {
	if s.Spec.Source == release.SourceSystem {
		return fmt.Sprintf("gVisor %s as a package has it in %s, compared with what the package manager recorded", s.Spec.Version, release.SystemRunsc)
	}
	checked := "checked by checksum: integrity, not origin"
	switch s.Spec.Trust {
	case release.TrustSigned:
		checked = "signed with a pinned key"
	case release.TrustTwoSources:
		checked = "checked by the checksums of two servers: later changes, not origin"
	}
	return fmt.Sprintf("gVisor %s, channel %s, %s (%s)", s.Spec.Version, s.Spec.Channel, checked, s.Why)
}

func (s Prove) Object() string {
	if len(s.Args) == 0 {
		return fmt.Sprintf("a sandbox of %s starts on this host, outside Docker", s.Release)
	}
	return fmt.Sprintf("a sandbox of %s starts on this host, outside Docker, with %s", s.Release, formatArgs(s.Args))
}

func (s ProveInDocker) Object() string {
	object := fmt.Sprintf("a container that dockerd starts with runtime %s is in a sandbox of %s", s.Runtime, s.Release)
	if s.Writes == verify.WritesKept {
		object += ", and Docker sees what it writes"
	}
	return object
}

func (s Link) Object() string            { return s.Path + " → " + s.Target }
func (s WriteDaemonJSON) Object() string { return s.File.Path + ": " + s.What }

func (s Reload) Object() string {
	if len(s.MustTake) > 0 {
		return s.Unit + " (no container is stopped; dockerd must accept " + strings.Join(s.MustTake, ", ") + " before it is restarted)"
	}
	return s.Unit + " (no container is stopped)"
}

func (s Restart) Object() string {
	switch n := len(s.Stops); n {
	case 0:
		if s.Keeps {
			return s.Unit + " (live-restore keeps the running containers)"
		}
		return s.Unit + " (no container is stopped)"
	case 1:
		return s.Unit + " (stops a running container: " + s.Stops[0] + ")"
	default:
		return fmt.Sprintf("%s (stops %d running containers: %s)", s.Unit, n, strings.Join(s.Stops, ", "))
	}
}

func (s Confirm) Object() string {
	var parts []string
	if names := slices.Sorted(maps.Keys(s.Runtimes)); len(names) > 0 {
		parts = append(parts, "runs with runtime "+strings.Join(names, ", "))
	}
	if len(s.Without) > 0 {
		parts = append(parts, "runs without runtime "+strings.Join(s.Without, ", "))
	}
	if s.Default != "" {
		parts = append(parts, "starts containers with "+s.Default+" by default")
	}
	if s.Remap != config.RemapAny {
		parts = append(parts, "has userns-remap "+string(s.Remap))
	}
	if s.Root != "" {
		parts = append(parts, "has its data in "+s.Root)
	}
	return "dockerd " + strings.Join(parts, ", and ")
}

func (s Unlink) Object() string { return s.Path + " (a link of this program)" }

func (s RemoveRelease) Object() string { return s.Dir + " (nothing runs from it)" }
