// Package difference says what a container does differently in a sandbox of gVisor's than with runc, from what the
// container was given and the arguments of the runtime. It is pure, and it is the one place that knows: what plan
// and apply announce, what doctor lists, and what verify says about creating a container again.
//
// It knows only what dockerd and the host's files tell about a container. What its programs need besides, such as
// io_uring or inotify, is in docs/what-changes.md and never listed. All of its strings are safe to show.
package difference

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"runsc-provisioner/verify"
)

// A Runtime is a runtime of gVisor's, as dockerd has it or shall have it.
type Runtime struct {
	Name string
	Path string // of runsc, in the directory of its release
	Args []string
	// Remapped is true if dockerd has userns-remap.
	Remapped bool
	// KeepsNames is true if the service keeps the names of other containers in its containers' hosts files.
	KeepsNames bool
}

// A Container is a container in any state, and what was seen of its files.
type Container struct {
	verify.Container
	Running bool
	Bytes   int64 // written to its root file system; 0 if dockerd was not asked
	// Sockets are the sockets that were seen in a mounted directory, or the mounted socket itself, by the mount's
	// path on the host. A path that could not be read is missing. It counts as a socket if its name is one's.
	Sockets map[string][]string
	// Peers are the names of the other containers on its network.
	Peers []string
	// HiddenTmp is true if it has files in /tmp, and its image has none there.
	HiddenTmp bool
}

// Lack is one thing that a container does not have in a sandbox.
type Lack struct {
	Feature Feature
	// Given is the part of the container's definition that is to blame; "" if it is none.
	Given string
	// Text completes "it then has"; "" for what concerns every container of the runtime.
	Text string
}

// Lacks lists what c does not have in a sandbox of the runtime, in the order of the table.
func (r Runtime) Lacks(c Container) []Lack {
	var all []Lack
	for _, row := range Table() {
		for _, given := range row.given(r, c) {
			lack := Lack{Feature: row.Feature, Text: row.Lacks}
			if given != whole[0] {
				lack.Given = verify.Printable(given)
				lack.Text = strings.ReplaceAll(row.Lacks, "%s", lack.Given)
			}
			if !slices.Contains(all, lack) {
				all = append(all, lack)
			}
		}
	}
	return all
}

// flag is the value of a flag of runsc, or else what it is without it.
func (r Runtime) flag(name, otherwise string) string {
	if value, set := verify.SettingOf(r.Args, name); set {
		return value
	}
	return otherwise
}

// is reports whether a boolean flag is on. runsc refuses a value that is not a boolean.
func (r Runtime) is(name string) bool {
	value, err := strconv.ParseBool(r.flag(name, "false"))
	return err != nil || value
}

// network is where the runtime's containers have their network: "sandbox", "host" or "none".
func (r Runtime) network() string { return r.flag("network", "sandbox") }

// HasOwnNetwork reports whether the runtime's containers have gVisor's network stack, where Docker's DNS does not answer.
func (r Runtime) HasOwnNetwork() bool { return r.network() == "sandbox" }

// release is the name of the runtime's release.
func (r Runtime) release() string { return path.Base(path.Dir(r.Path)) }

// remaps reports whether the ids of a container are remapped.
func (r Runtime) remaps(c Container) bool { return r.Remapped && c.UsernsMode != "host" }
