package provision

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// Disruption is what a step does to those who use Docker at the moment.
type Disruption int

// From no notice at all to every container stopped.
const (
	DisruptionNone Disruption = iota
	DisruptionReload
	DisruptionRestart
)

func (d Disruption) String() string {
	return [...]string{"none", "reload", "restart"}[d]
}

// MarshalText gives the name of d.
func (d Disruption) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Step is one change of a host, as data.
type Step interface {
	Action() string // one word: install, prove, link, write, reload, restart, confirm, remove
	Object() string // what it is done to, in a few words for people
	Disruption() Disruption
}

// Held is a step that needs more consent or disruption than was given.
type Held struct {
	What string `json:"what"`
	Why  string `json:"why"`
	// Containers are the names of those that would be stopped or lost.
	Containers []string `json:"containers,omitempty"`
}

// InstallRelease fetches, authenticates and stores a release.
type InstallRelease struct {
	Spec release.Spec
	Why  string
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
	File DaemonFile // as observed; File.Bytes is superseded by Old
	Old  []byte
	New  []byte
	What string
}

// Reload makes dockerd read daemon.json again; no container notices.
type Reload struct{ Unit string }

// Restart stops dockerd and starts it again, and with it the containers that
// run, unless live-restore keeps them.
type Restart struct {
	Unit  string
	Stops []string // names of the containers that end with it
}

// Confirm waits until dockerd itself says that it runs with these settings.
type Confirm struct {
	Runtimes map[string]daemonjson.Runtime
	Without  []string // runtimes that it must not know
	Default  string   // "": not looked at
	Remap    Remap
	Root     string // the data root; "": not looked at
}

// Remap says what of userns-remap is looked for in dockerd.
type Remap string

// What may be looked for.
const (
	RemapAny Remap = ""
	RemapOn  Remap = "on"
	RemapOff Remap = "off"
)

func remapOf(on bool) Remap {
	if on {
		return RemapOn
	}
	return RemapOff
}

// AddAccount makes the user whose ids containers get.
type AddAccount struct {
	Name    string
	Grouped bool // its group is there already
}

// RemoveAccount takes back one that was made.
type RemoveAccount struct{ Name string }

// EditIDs replaces the text of /etc/subuid or /etc/subgid, under the locks of the
// shadow tools and only where it still is Old.
type EditIDs struct {
	Path       string
	Old, New   string
	What       string
	Made, Gone []string // the ranges that are ours from then on, and not any more
}

// SaveImages writes images down before dockerd gets another data root.
type SaveImages struct {
	Images []engine.Image
	Bytes  int64 // of all layers
	Path   string
}

// LoadImages has dockerd read what SaveImages wrote, and removes it.
type LoadImages struct {
	Images []engine.Image
	Path   string
}

// DropImages removes what SaveImages wrote for a switch that did not happen.
type DropImages struct{ Path string }

// RemoveRelease deletes an old release that nothing runs from.
type RemoveRelease struct {
	Name string
	Dir  string
}

func (s InstallRelease) Action() string  { return "install" }
func (s Prove) Action() string           { return "prove" }
func (s ProveInDocker) Action() string   { return "prove" }
func (s Link) Action() string            { return "link" }
func (s WriteDaemonJSON) Action() string { return "write" }
func (s Reload) Action() string          { return "reload" }
func (s Restart) Action() string         { return "restart" }
func (s Confirm) Action() string         { return "confirm" }
func (s RemoveRelease) Action() string   { return "remove" }
func (s AddAccount) Action() string      { return "account" }
func (s RemoveAccount) Action() string   { return "account" }
func (s EditIDs) Action() string         { return "ids" }
func (s SaveImages) Action() string      { return "save" }
func (s LoadImages) Action() string      { return "load" }
func (s DropImages) Action() string      { return "remove" }

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
	return fmt.Sprintf("a container that dockerd starts with runtime %s is in a sandbox of %s", s.Runtime, s.Release)
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
	if s.Remap != RemapAny {
		parts = append(parts, "has userns-remap "+string(s.Remap))
	}
	if s.Root != "" {
		parts = append(parts, "has its data in "+s.Root)
	}
	return "dockerd " + strings.Join(parts, ", and ")
}

func (s RemoveRelease) Object() string { return s.Dir + " (nothing runs from it)" }
func (s AddAccount) Object() string {
	return "make the user " + s.Name + ", who can neither log in nor own a file"
}
func (s RemoveAccount) Object() string { return "remove the user " + s.Name }
func (s EditIDs) Object() string       { return s.Path + ": " + s.What }
func (s DropImages) Object() string    { return s.Path + " (nobody asks for these images any more)" }

func (s SaveImages) Object() string {
	return fmt.Sprintf("%s into %s (%s)", imagesOf(s.Images), s.Path, humanize.IBytes(uint64(s.Bytes)))
}

func (s LoadImages) Object() string {
	return fmt.Sprintf("%s from %s", imagesOf(s.Images), s.Path)
}

func imagesOf(all []engine.Image) string {
	if len(all) == 1 {
		return "1 image"
	}
	return fmt.Sprintf("%d images", len(all))
}

func (s InstallRelease) Disruption() Disruption  { return DisruptionNone }
func (s Prove) Disruption() Disruption           { return DisruptionNone }
func (s ProveInDocker) Disruption() Disruption   { return DisruptionNone }
func (s Link) Disruption() Disruption            { return DisruptionNone }
func (s WriteDaemonJSON) Disruption() Disruption { return DisruptionNone }
func (s Reload) Disruption() Disruption          { return DisruptionReload }
func (s Restart) Disruption() Disruption         { return DisruptionRestart }
func (s Confirm) Disruption() Disruption         { return DisruptionNone }
func (s RemoveRelease) Disruption() Disruption   { return DisruptionNone }
func (s AddAccount) Disruption() Disruption      { return DisruptionNone }
func (s RemoveAccount) Disruption() Disruption   { return DisruptionNone }
func (s EditIDs) Disruption() Disruption         { return DisruptionNone }
func (s SaveImages) Disruption() Disruption      { return DisruptionNone }
func (s LoadImages) Disruption() Disruption      { return DisruptionNone }
func (s DropImages) Disruption() Disruption      { return DisruptionNone }

// MarshalJSON gives the plan for machines: steps as action, object and
// disruption. The bytes of daemon.json are left out: secrets live there.
func (p Plan) MarshalJSON() ([]byte, error) {
	type step struct {
		Action     string     `json:"action"`
		Object     string     `json:"object"`
		Disruption Disruption `json:"disruption"`
	}
	steps := make([]step, len(p.Steps))
	for i, s := range p.Steps {
		steps[i] = step{s.Action(), s.Object(), s.Disruption()}
	}
	return json.Marshal(struct {
		Steps       []step     `json:"steps"`
		Disruption  Disruption `json:"disruption"`
		Held        []Held     `json:"held,omitempty"`
		Hidden      []Hidden   `json:"hidden,omitempty"`
		Warnings    []string   `json:"warnings,omitempty"`
		Provisional bool       `json:"provisional,omitempty"`
		Diff        string     `json:"diff,omitempty"`
	}{steps, p.Disruption(), p.Held, p.Hidden, p.Warnings, p.Provisional, p.Diff()})
}

// Diff is what the plan does to daemon.json as a whole, as a unified diff with
// the values of secrets hidden.
func (p Plan) Diff() string {
	writes := p.writes()
	if len(writes) == 0 {
		return ""
	}
	return daemonjson.Diff(writes[0].File.Path, writes[0].Old, p.lastText())
}

func (p Plan) writes() []WriteDaemonJSON {
	var writes []WriteDaemonJSON
	for _, s := range p.Steps {
		if write, ok := s.(WriteDaemonJSON); ok {
			writes = append(writes, write)
		}
	}
	return writes
}

// lastText is what daemon.json has when p is carried out; nil when p does not
// write it.
func (p Plan) lastText() []byte {
	writes := p.writes()
	if len(writes) == 0 {
		return nil
	}
	return writes[len(writes)-1].New
}
