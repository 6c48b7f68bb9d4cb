// Package capability says what each version of dockerd can do. It is pure. A test in
// the lab asks dockerd itself about each row.
package capability

import (
	"fmt"

	"github.com/hashicorp/go-version"
)

// Name names a capability.
type Name string

// The capabilities that a plan or a diagnosis depends on, or that explain one.
const (
	Validate        Name = "validate"         // dockerd --validate checks a file
	RuntimeFeatures Name = "runtime-features" // dockerd runs `RUNTIME features` when it reads its configuration
	RuntimeType     Name = "runtime-type"     // a runtime can have a runtimeType instead of a path
	ReportsType     Name = "reports-type"     // the API reports the runtimeType of a runtime
	EmptyRuntimes   Name = "empty-runtimes"   // a reload takes "runtimes": {} with "default-runtime": "runc"
	EmptyFile       Name = "empty-file"       // an empty daemon.json counts as {}
	ContainerdStore Name = "containerd-store" // features.containerd-snapshotter keeps images in containerd's store
	StoreByDefault  Name = "store-by-default" // a new data root gets containerd's store
	RemapWithStore  Name = "remap-with-store" // dockerd starts with userns-remap and containerd's store
	IDsApart        Name = "ids-apart"        // userns-remap "default" gets ids that no other user has
	BuildKitCommand Name = "buildkit-command" // DOCKER_BUILDKIT_RUNC_COMMAND replaces BuildKit's runc
	KeepsDefault    Name = "keeps-default"    // a reload without default-runtime changes nothing
	ForgetsFlags    Name = "forgets-flags"    // a reload with runtimes forgets those of --add-runtime
)

// A Row says since which version dockerd has a capability.
type Row struct {
	Name   Name
	Since  string // first version that has it; empty: each one
	Before string // first version that lacks it again; empty: none
	Source string // where that is known from
}

// Oldest and Newest are the versions between which the table was tested, each as
// MAJOR.MINOR. Any version of Newest's major counts as tested.
const (
	Oldest = "20.10"
	Newest = "29.0"
)

// Table returns all rows.
func Table() []Row {
	return []Row{
		{Validate, "23.0", "", "moby cmd/dockerd/daemon.go; 20.10: unknown flag, exit 125"},
		{RuntimeFeatures, "25.0", "", "moby daemon/runtime_unix.go"},
		{RuntimeType, "23.0", "", "moby api/types/types.go; 20.10 ignores the key and runs such a container with runc"},
		{ReportsType, "23.0", "25.0", "moby daemon/info_unix.go"},
		{EmptyRuntimes, "", "", "without the default beside it, 20.10.24 crashes"},
		{EmptyFile, "23.0", "", "moby daemon/config/config.go, getConflictFreeConfiguration"},
		{ContainerdStore, "24.0", "", "moby daemon/daemon.go, usesSnapshotter"},
		{StoreByDefault, "29.0", "", "moby daemon/image_store_choice.go"},
		{RemapWithStore, "24.0", "29.0", "moby daemon/command/daemon_linux.go; BuildKit fails with both (moby#47377)"},
		{IDsApart, "", "28.0", "moby internal/usergroup/add_linux.go"},
		{BuildKitCommand, "26.0", "", "moby builder/builder-next/executor_linux.go"},
		{KeepsDefault, "", "", "moby daemon/reload_unix.go"},
		{ForgetsFlags, "", "", "moby daemon/reload_unix.go"},
	}
}

// Engine is what is known of one version of dockerd.
type Engine struct {
	text    string // the version as dockerd reports it
	known   *version.Version
	unknown bool
	older   bool
}

// Of returns what is known of the version that dockerd reports. A version that
// cannot be read, or that is newer than Newest, counts as Newest.
func Of(text string) Engine {
	e := Engine{text: text}
	newest := version.Must(version.NewVersion(Newest))
	v, err := version.NewVersion(text)
	switch {
	case err != nil || v.Segments()[0] > newest.Segments()[0]:
		e.known, e.unknown = newest, true
	default:
		e.known = v.Core()
		e.older = e.known.LessThan(version.Must(version.NewVersion(Oldest)))
	}
	return e
}

// Can says whether the engine has a capability.
func (e Engine) Can(name Name) bool {
	for _, r := range Table() {
		if r.Name != name {
			continue
		}
		since := r.Since == "" || e.known.GreaterThanOrEqual(version.Must(version.NewVersion(r.Since)))
		return since && (r.Before == "" || e.known.LessThan(version.Must(version.NewVersion(r.Before))))
	}
	panic("no such capability: " + string(name))
}

// Untested returns a sentence that says why the table may be wrong about the
// engine, or "".
func (e Engine) Untested() string {
	switch {
	case e.unknown:
		return fmt.Sprintf("dockerd %s is not among the tested versions (%s to %s): it is treated as %s", e.text, Oldest, Newest, Newest)
	case e.older:
		return fmt.Sprintf("dockerd %s is older than the oldest tested version, %s", e.text, Oldest)
	default:
		return ""
	}
}
