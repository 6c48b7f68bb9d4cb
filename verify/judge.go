package verify

import (
	"fmt"
	"slices"
	"strings"
)

// Judge weighs what dockerd says of a container against what was seen of it.
// runtimes are dockerd's, by name. It is pure, and a container is Sandboxed
// only if every one of its checks was made and none failed.
func Judge(c Container, e Evidence, runtimes map[string]Runtime, releases []Release) Verdict {
	if c.Unread != nil {
		check := Check{Name: CheckRuntime, Expected: expectedRuntime, Seen: "not to be read: " + Printable(c.Unread.Error()), Source: "/containers/" + Printable(c.ID) + "/json"}
		return Verdict{Container: c, State: Unknown, Checks: []Check{check}}
	}
	whose := checkProcess(c, e)
	checks := []Check{checkRuntime(c, runtimes, releases), whose}
	verdict := Verdict{Container: c}
	// Of a process that is not the container's, nothing else tells anything.
	if whose.State == Passed {
		p := e.Process
		source := func(file string) string { return fmt.Sprintf("/proc/%d/%s", p.PID, file) }
		file := identify(p.Exe, releases)
		verdict.Release = file.Release
		checks = append(checks,
			checkExecutable(p, file, source("exe")),
			checkArguments(c, p, source("cmdline")),
			checkNamespaces(p, e.Host, file, source("ns")),
			checkRoot(p, source("mountinfo")),
			checkSeccomp(p, source("status")),
			checkPrivileges(p, source("status")),
			checkCapabilities(p, source("status")),
			checkMembers(e, file.Release, releases),
			checkGofer(e),
		)
		if c.UIDMap != nil {
			checks = append(checks, checkUIDMap(c, e, source("uid_map")))
		}
	}
	verdict.Checks, verdict.State, verdict.Remap = checks, sum(checks), remapOf(c, e, whose)
	if verdict.State != Sandboxed {
		verdict.Release = ""
	}
	return verdict
}

// passed makes a check's state of whether it holds.
func passed(ok bool) CheckState {
	if ok {
		return Passed
	}
	return Failed
}

const expectedRuntime = "runsc of a known release"

// checkRuntime follows the runtime's name. That is the one thing a container
// cannot imitate by what it runs, and the only one that dockerd vouches for.
func checkRuntime(c Container, runtimes map[string]Runtime, releases []Release) Check {
	check := Check{Name: CheckRuntime, Expected: expectedRuntime, Source: "/info"}
	rt, ok := runtimes[c.Runtime]
	name := Printable(c.Runtime)
	if !ok {
		check.Seen = name + ", which dockerd does not know any more"
		return check
	}
	if r, ok := rt.release(releases); ok {
		check.State, check.Seen = Passed, fmt.Sprintf("%s, runsc of %s", name, Printable(r.Name))
		return check
	}
	check.State = Failed
	switch {
	case rt.Path == "" && strings.Contains(rt.Type, "runsc"):
		check.State = Unread
		check.Seen = fmt.Sprintf("%s, by its shim %s: which release that runs is not known; register it by its path", name, Printable(rt.Type))
	case rt.Path == "":
		check.Seen = name + ", which has no path"
	case rt.Err != nil && gapOf(rt.Err) != Gone:
		check.State = Unread
		check.Seen = fmt.Sprintf("%s, %s: %s", name, Printable(rt.Path), Printable(rt.Err.Error()))
	default:
		check.Seen = fmt.Sprintf("%s, %s", name, Printable(rt.Target))
	}
	return check
}

// checkProcess asks whether the process is the container's at all: a pid means
// another process in another pid namespace.
func checkProcess(c Container, e Evidence) Check {
	check := Check{
		Name:     CheckProcess,
		Expected: "the container's, before and after the look",
		Source:   fmt.Sprintf("/proc/%d", c.PID),
	}
	why := ""
	if e.Why != nil {
		why = ": " + Printable(e.Why.Error())
	}
	switch e.Gap {
	case Complete:
	case Gone:
		check.Seen = "no such process: it ended, or dockerd has another pid namespace" + why
		return check
	case Denied:
		check.Seen = "it may not be read without CAP_SYS_PTRACE" + why
		return check
	case Unsteady:
		check.Seen = "another one at every look" + why
		return check
	default:
		check.Seen = "not to be read" + why
		return check
	}
	if !e.Process.inCgroupOf(c.ID) && !e.Process.bears(c.ID) {
		check.Seen = "neither cgroup nor arguments name the container: dockerd may have another pid namespace"
		return check
	}
	check.State, check.Seen = Passed, fmt.Sprintf("the container's, started at tick %d, and still after the look", e.Process.StartTime)
	return check
}

// bears reports whether the process's last argument is the container's ID.
func (p Process) bears(id string) bool {
	return id != "" && !p.ArgvCut && len(p.Argv) > 1 && p.Argv[len(p.Argv)-1] == id
}

func checkExecutable(p Process, file File, source string) Check {
	check := Check{
		Name:     CheckExecutable,
		State:    passed(file.boots()),
		Expected: "runsc or gvisor_sentry of a known release, by device and inode",
		Source:   source,
	}
	switch {
	case file == (File{}):
		check.Seen = Printable(p.Exe.Path) + ", of no known release"
	case p.Exe.Deleted:
		check.Seen = fmt.Sprintf("%s of %s, deleted", Printable(file.Path), Printable(file.Release))
	default:
		check.Seen = fmt.Sprintf("%s of %s", Printable(file.Path), Printable(file.Release))
	}
	return check
}

func checkArguments(c Container, p Process, source string) Check {
	check := Check{
		Name:     CheckArguments,
		Expected: sandboxName + " … " + Printable(c.ID),
		Source:   source,
	}
	switch {
	case len(p.Argv) == 0:
		check.State, check.Seen = Failed, "none"
	case p.ArgvCut:
		check.Seen = Printable(p.Argv[0]) + " and more than 64 KiB"
	default:
		check.State = passed(p.Argv[0] == sandboxName && p.bears(c.ID))
		check.Seen = showArgv(p.Argv)
	}
	return check
}

// showArgv shows what a process is called, and a container's ID. Any other
// argument may be a password.
func showArgv(argv []string) string {
	name, more := Printable(argv[0]), len(argv)-1
	switch {
	case more > 0 && slices.Equal(containerIDs(argv[more]), argv[more:]):
		return name + " … " + argv[more]
	case more == 1:
		return name + " and 1 argument"
	case more > 1:
		return fmt.Sprintf("%s and %d arguments", name, more)
	}
	return name
}

// ownNamespaces are those every gVisor sandbox has of its own, whatever the
// container was given: older ones share the host's pid namespace, and the
// network namespace is the container's.
var ownNamespaces = [...]string{"user", "mnt", "ipc", "uts"}

func checkNamespaces(p Process, host map[string]uint64, file File, source string) Check {
	check := Check{
		Name:     CheckNamespaces,
		State:    Passed,
		Expected: "its own " + strings.Join(ownNamespaces[:], ", "),
		Source:   source,
	}
	var shared []string
	for _, kind := range ownNamespaces {
		own, of := p.Namespaces[kind], host[kind]
		if own == 0 || of == 0 {
			check.State, check.Seen = Unread, kind+" not known"
			return check
		}
		if own == of {
			shared = append(shared, kind)
		}
	}
	check.Seen = check.Expected
	if len(shared) > 0 {
		check.State, check.Seen = Failed, "the host's "+strings.Join(shared, ", ")
	}
	if slices.Equal(shared, []string{"user"}) && file.boots() && p.hasHostNetwork() {
		check.State = Limited
		check.Seen += ", which it keeps for --network=host (runsc sandbox.createSandboxProcess)"
	}
	return check
}

// hasHostNetwork reports whether a sandbox was started to use the host's own
// network stack. The last of several settings counts.
func (p Process) hasHostNetwork() bool {
	host := false
	for _, s := range settings(untilCommand(p.Argv[min(1, len(p.Argv)):])) {
		if s.name == "network" {
			host = s.value == "host"
		}
	}
	return host
}

// checkRoot tells a sandbox from a container that runs the genuine file: a
// sandbox has moved into an empty tmpfs of its own (runsc setUpChroot), and a
// container has its image there.
func checkRoot(p Process, source string) Check {
	return Check{
		Name:     CheckRoot,
		State:    passed(p.Root.FSType == "tmpfs" && p.Root.Root == "/"),
		Expected: "tmpfs",
		Seen:     fmt.Sprintf("%s (%s)", Printable(p.Root.FSType), Printable(p.Root.Source)),
		Source:   source,
	}
}

func checkSeccomp(p Process, source string) Check {
	const filter = 2
	return Check{
		Name:     CheckSeccomp,
		State:    passed(p.Seccomp == filter),
		Expected: "2, a filter",
		Seen:     fmt.Sprint(p.Seccomp),
		Source:   source,
	}
}

func checkPrivileges(p Process, source string) Check {
	return Check{
		Name:     CheckPrivileges,
		State:    passed(p.NoNewPrivs),
		Expected: "true",
		Seen:     fmt.Sprint(p.NoNewPrivs),
		Source:   source,
	}
}
