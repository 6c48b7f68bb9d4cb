package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// Step is one change of a host, as data. A new kind of step is a type with these two
// methods, and a row in provision that carries it out.
type Step interface {
	Kind() Kind
	Object() string // what it is done to, in a few words for people
}

// Kind is what all steps of one type have in common.
type Kind struct {
	Action     string // one word, for people and machines
	Disruption config.Disruption
	// Shared says that it changes, or asks something of, what other people use:
	// Docker, daemon.json, the link. Such steps need a journal.
	Shared bool
	// Lasts says that its effect is there after a run that was interrupted later.
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
func (AddAccount) Kind() Kind    { return Kind{Action: "account", Lasts: true} }
func (RemoveAccount) Kind() Kind { return Kind{Action: "account", Lasts: true} }
func (EditIDs) Kind() Kind       { return Kind{Action: "ids", Lasts: true} }
func (SaveImages) Kind() Kind    { return Kind{Action: "save", Lasts: true} }
func (LoadImages) Kind() Kind    { return Kind{Action: "load", Lasts: true} }
func (DropImages) Kind() Kind    { return Kind{Action: "remove", Lasts: true} }

// Held is a step that needs more consent or disruption than was given.
type Held struct {
	What string `json:"what"`
	Why  string `json:"why"`
	// Containers are the names of those that would be stopped or lost.
	Containers []string `json:"containers,omitempty"`
}

// InstallRelease fetches, authenticates and stores a release.
type InstallRelease struct {
	Spec    release.Spec
	Why     string
	Damaged bool // it is there, and not as it was installed
}

// Prove starts a sandbox of the release outside Docker, with the arguments
// that the runtime will have.
type Prove struct {
	Release string // as it is called in the store, where it may not be yet
	Runtime string
	Args    []string
	// CgroupDriver is dockerd's, so that the proof's cgroup is made as those of
	// containers are: cgroupfs or systemd. "" makes none.
	CgroupDriver string
}

// ProveInDocker has dockerd start a container of our own under the runtime.
type ProveInDocker struct {
	Release string
	Runtime string
	Args    []string
	// UIDMap is what its processes have to have; nil is not looked at.
	UIDMap []verify.IDRange
	// Writes is what is promised of the changes that a container makes to its
	// root file system. Unless they may be lost, Docker has to see each of them.
	Writes verify.Writes
}

// Link makes the release's runsc the one in people's PATH.
type Link struct {
	Path    string
	Target  string
	Release string
}

// WriteDaemonJSON replaces Old by New and nothing else: when the file is not
// Old any more, nothing is written.
type WriteDaemonJSON struct {
	File daemonfile.File // as observed; File.Bytes is superseded by Old
	Old  []byte
	New  []byte
	What string
	// Items are those whose values change, as in Drift.
	Items []string
}

// Reload makes dockerd read daemon.json again; no container notices.
type Reload struct {
	Unit string
	// Alone says that dockerd differs from a daemon.json that is right.
	FileUnchanged bool
}

// Restart stops dockerd and starts it again, and with it the containers that
// run, unless live-restore keeps them.
type Restart struct {
	Unit  string
	Stops []string // names of the containers that end with it
}

// Confirm waits until dockerd itself says that it runs with these settings.
type Confirm struct{ Settings }

// RemoveRelease deletes an old release that nothing runs from.
type RemoveRelease struct {
	Name string
	Dir  string
}

func (s InstallRelease) Object() string {
	return fmt.Sprintf("gVisor %s, channel %s, checked by checksum: integrity, not origin (%s)", s.Spec.Version, s.Spec.Channel, s.Why)
}

func (s Prove) Object() string {
	if len(s.Args) == 0 {
		return fmt.Sprintf("a sandbox of %s starts on this host, outside Docker", s.Release)
	}
	return fmt.Sprintf("a sandbox of %s starts on this host, outside Docker, with %s", s.Release, strings.Join(s.Args, " "))
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
func (s Reload) Object() string          { return s.Unit + " (no container is stopped)" }

func (s Restart) Object() string {
	switch n := len(s.Stops); n {
	case 0:
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

func (s RemoveRelease) Object() string { return s.Dir + " (nothing runs from it)" }
