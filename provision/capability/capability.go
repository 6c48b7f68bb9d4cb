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
	Validate        Name = "validate"
	RuntimeFeatures Name = "runtime-features"
	RuntimeType     Name = "runtime-type"
	ReportsType     Name = "reports-type"
	EmptyRuntimes   Name = "empty-runtimes"
	EmptyFile       Name = "empty-file"
	ContainerdStore Name = "containerd-store"
	StoreByDefault  Name = "store-by-default"
	RemapWithStore  Name = "remap-with-store"
	IDsApart        Name = "ids-apart"
	BuildKitCommand Name = "buildkit-command"
	KeepsDefault    Name = "keeps-default"
	ForgetsFlags    Name = "forgets-flags"
)

// A Row says since which version dockerd has a capability.
type Row struct {
	Name   Name
	What   string // what dockerd does then
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
		{
			Validate, "dockerd --validate checks a file", "23.0", "",
			"moby cmd/dockerd/daemon.go; 20.10: unknown flag, exit 125",
		},
		{
			RuntimeFeatures, "dockerd runs `RUNTIME features` when it reads its configuration", "25.0", "",
			"moby daemon/runtime_unix.go",
		},
		{
			RuntimeType, "a runtime can have a runtimeType instead of a path", "23.0", "",
			"moby api/types/types.go; 20.10 ignores the key and runs such a container with runc",
		},
		{
			ReportsType, "the API reports the runtimeType of a runtime", "23.0", "25.0",
			"moby daemon/info_unix.go",
		},
		{
			EmptyRuntimes, `a reload takes "runtimes": {} with "default-runtime": "runc"`, "", "",
			"without the default beside it, 20.10.24 crashes",
		},
		{
			EmptyFile, "an empty daemon.json counts as {}", "23.0", "",
			"moby daemon/config/config.go, getConflictFreeConfiguration",
		},
		{
			ContainerdStore, "features.containerd-snapshotter keeps images in containerd's store", "24.0", "",
			"moby daemon/daemon.go, usesSnapshotter",
		},
		{
			StoreByDefault, "a new data root gets containerd's store", "29.0", "",
			"moby daemon/image_store_choice.go",
		},
		{
			RemapWithStore, "dockerd starts with userns-remap and containerd's store", "24.0", "29.0",
			"moby daemon/command/daemon_linux.go; BuildKit fails with both (moby#47377)",
		},
		{
			IDsApart, `userns-remap "default" gets ids that no other user has`, "", "28.0",
			"moby internal/usergroup/add_linux.go",
		},
		{
			BuildKitCommand, "DOCKER_BUILDKIT_RUNC_COMMAND replaces BuildKit's runc", "26.0", "",
			"moby builder/builder-next/executor_linux.go",
		},
		{
			KeepsDefault, "a reload without default-runtime changes nothing", "", "",
			"moby daemon/reload_unix.go",
		},
		{
			ForgetsFlags, "a reload with runtimes forgets those of --add-runtime", "", "",
			"moby daemon/reload_unix.go",
		},
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
