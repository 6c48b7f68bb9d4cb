// Package buildkit stands between BuildKit and runsc. BuildKit runs the steps of a Dockerfile with a program that it
// believes to be runc. Run takes its place: it calls runsc so that a step leaves the same files as with runc.
//
// It guarantees that a step runs in a sandbox of the given runsc, or not at all. It never falls back to runc for a
// step. What gVisor cannot do as asked is refused with a reason, and is never left out in silence.
//
// Call, Spec and Wanted are pure. Look reads the host. Two change something: Run the bundle that BuildKit has just made,
// and StateDir; RemoveState the latter.
package buildkit

import (
	"errors"
	"path"
	"slices"
	"strings"

	"runsc-provisioner/verify"
)

// Runsc is the program that runs the steps.
type Runsc struct {
	Path string   // of runsc, in the directory of its release
	Args []string // the arguments of the runtime, as in daemon.json
	// Runc is the program for calls that are not BuildKit's; it runs no step. "" if there are none.
	Runc string
}

// Needs are what a step has been given of the host, beyond its files.
type Needs struct {
	Network bool // the host's network: RUN --network=host
	Socket  bool // a unix socket of BuildKit: RUN --mount=type=ssh
}

// flags are the flags of runsc for a step. Without the file system flags, BuildKit would not find in the layer what
// the step wrote (see verify.Keep).
func (r Runsc) flags(n Needs) []string {
	release := path.Base(path.Dir(r.Path))
	flags := append([]string{"--root=" + StateDir}, verify.Keep(release, verify.WithoutRootfs(r.Args), verify.WritesKept)...)
	if n.Network {
		// Without it the step would have no interface. It is in its sandbox still, with the host's network stack.
		flags = append(flags, "--network=host")
	}
	if n.Socket && !slices.ContainsFunc(r.Args, func(arg string) bool { return strings.HasPrefix(arg, "--host-uds") }) {
		// gVisor connects to sockets of the host by this alone. The step still sees none but those that are mounted.
		flags = append(flags, "--host-uds=open")
	}
	return flags
}

// Call is one call of runc, as containerd's go-runc makes it.
type Call struct {
	global  []string // the flags before the command
	Command string
	args    []string // what follows the command
}

// valued are the flags of runc that take the next word as their value.
var valued = []string{"log", "log-format", "root", "criu", "rootless", "bundle", "b", "console-socket", "pid-file", "preserve-fds"}

// unsupported are flags of runc that runsc does not know. They are about how runc works: it keeps the state of a
// step that has ended until a call of delete, changes its root without pivot_root, or makes no session keyring.
var unsupported = []string{"keep", "no-pivot", "no-new-keyring"}

// ParseCall reads the arguments of runc.
func ParseCall(args []string) (Call, error) {
	for i := 0; i < len(args); i++ {
		name, isFlag := flagName(args[i])
		switch {
		case !isFlag:
			return Call{global: args[:i], Command: args[i], args: args[i+1:]}, nil
		case name == "version", name == "v":
			return Call{global: args[:i], Command: commandVersion}, nil
		case takesNext(args[i]):
			i++
		}
	}
	return Call{}, errors.New("no command")
}

// commandVersion is asked for by a flag.
const commandVersion = "--version"

// IsForRunc reports whether the call is not BuildKit's: dockerd asks runc about itself, or the call is for a container
// of Docker's, whose state is in a directory of its own. Both can come to a program that a search of PATH finds.
func (c Call) IsForRunc() bool {
	asks := c.Command == commandVersion || c.Command == "features"
	return asks || slices.ContainsFunc(c.global, func(arg string) bool {
		name, _ := flagName(arg)
		return name == "root"
	})
}

// Starts reports whether the call starts a step, from the specification in its bundle.
func (c Call) Starts() bool { return c.Command == "run" || c.Command == "create" }

// Bundle is the directory of the specification; "" is the working directory.
func (c Call) Bundle() string {
	for i, arg := range c.args {
		name, isFlag := flagName(arg)
		if !isFlag || name != "bundle" && name != "b" {
			continue
		}
		if _, value, has := strings.Cut(arg, "="); has {
			return value
		}
		return slices.Concat(c.args, []string{""})[i+1]
	}
	return ""
}

// Argv are the arguments for runsc, its own name first.
func (c Call) Argv(r Runsc, n Needs) []string {
	argv := append([]string{r.Path}, r.flags(n)...)
	argv = append(argv, c.global...)
	argv = append(argv, c.Command)
	if c.Command == "delete" {
		// Without --keep, runsc has already deleted a step that has ended. With --force that is no error.
		argv = append(argv, "--force")
	}
	return append(argv, c.supported()...)
}

// supported are the arguments without the flags that runsc does not know. What follows the first word that is no
// flag is the name of the container and a command, and stays.
func (c Call) supported() []string {
	var kept []string
	for i := 0; i < len(c.args); i++ {
		name, isFlag := flagName(c.args[i])
		if !isFlag {
			return append(kept, c.args[i:]...)
		}
		if slices.Contains(unsupported, name) {
			continue
		}
		kept = append(kept, c.args[i])
		if takesNext(c.args[i]) && i+1 < len(c.args) {
			i++
			kept = append(kept, c.args[i])
		}
	}
	return kept
}

// flagName is the name of a flag; false for a word that is none.
func flagName(arg string) (name string, isFlag bool) {
	name, isFlag = strings.CutPrefix(arg, "-")
	if !isFlag || name == "" {
		return "", false
	}
	name, _, _ = strings.Cut(strings.TrimPrefix(name, "-"), "=")
	return name, true
}

// takesNext reports whether the value of a flag is the next word.
func takesNext(arg string) bool {
	name, _ := flagName(arg)
	return slices.Contains(valued, name) && !strings.Contains(arg, "=")
}
