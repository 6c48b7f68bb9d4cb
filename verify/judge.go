package verify

import (
	"fmt"
	"slices"
	"strings"
)

// Judge compares what dockerd says about a container with the evidence.
// runtimes are dockerd's, by name. It is pure, and a container is Sandboxed
// only if every check was made and none failed.
func Judge(c Container, e Evidence, runtimes map[string]Runtime, releases []Release) Verdict {
	if c.Unread != nil {
		check := Check{Name: CheckRuntime, Expected: expectedRuntime, Seen: "not readable: " + Printable(c.Unread.Error()), Source: "/containers/" + Printable(c.ID) + "/json"}
		return Verdict{Container: c, State: Unknown, Doubt: DoubtUnread, Checks: []Check{check}}
	}
	process := checkProcess(c, e)
	checks := []Check{checkRuntime(c, runtimes, releases), process}
	verdict := Verdict{Container: c}
	rt, registered := runtimes[c.Runtime]
	other := false
	// If the process is not the container's, its other properties prove
	// nothing.
	if process.State == Passed {
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
		if other = isOtherRelease(rt, p, e, checks); other {
			otherRelease(p, e, checks)
		}
	}
	verdict.Doubt = doubtOf(rt, registered, checks, other)
	verdict.Checks, verdict.State, verdict.Remap = checks, worstState(checks), remapOf(c, e, process)
	if verdict.State != Sandboxed {
		verdict.Release = ""
	}
	return verdict
}

// passedIf returns Passed if ok, else Failed.
func passedIf(ok bool) CheckState {
	if ok {
		return Passed
	}
	return Failed
}

const expectedRuntime = "runsc of a known release"

// checkRuntime follows the runtime's name to a file. A container cannot fake it
// by what it runs, and it is the only fact that dockerd vouches for.
func checkRuntime(c Container, runtimes map[string]Runtime, releases []Release) Check {
	check := Check{Name: CheckRuntime, Expected: expectedRuntime, Source: "/info"}
	rt, ok := runtimes[c.Runtime]
	name := Printable(c.Runtime)
	if !ok {
		check.Seen = name + ", which dockerd no longer knows"
		return check
	}
	if r, ok := rt.release(releases); ok {
		check.State, check.Seen = Passed, fmt.Sprintf("%s, runsc of %s", name, Printable(r.Name))
		return check
	}
	check.State = Failed
	switch {
	case rt.TypeIgnored:
		check.Seen = fmt.Sprintf("%s, registered by its shim %s, which this version of dockerd ignores: it runs runc, on the host's kernel", name, Printable(rt.Type))
	case rt.isShim():
		check.State = Unread
		check.Seen = fmt.Sprintf("%s, registered by its shim %s, which does not tell the release: register it by its path", name, Printable(rt.Type))
	case rt.Path == "" && rt.Type != "":
		check.Seen = fmt.Sprintf("%s, registered by its shim %s", name, Printable(rt.Type))
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

// checkProcess asks whether the process belongs to the container at all: the
// same pid means another process in another pid namespace.
func checkProcess(c Container, e Evidence) Check {
	check := Check{
		Name:     CheckProcess,
		Expected: "the container's, before and after the look",
		Source:   fmt.Sprintf("/proc/%d", c.PID),
	}
	detail := ""
	if e.Why != nil {
		detail = ": " + Printable(e.Why.Error())
	}
	switch e.Gap {
	case Complete:
	case Gone:
		check.Seen = "no such process: it ended, or dockerd has another pid namespace" + detail
		return check
	case Denied:
		check.Seen = "not readable without CAP_SYS_PTRACE" + detail
		return check
	case Unsteady:
		check.Seen = "it changed at every look" + detail
		return check
	default:
		check.Seen = "not readable" + detail
		return check
	}
	if !e.Process.inCgroupOf(c.ID) && !e.Process.endsWithID(c.ID) {
		check.Seen = "neither cgroup nor arguments name the container: dockerd may have another pid namespace"
		return check
	}
	check.State, check.Seen = Passed, fmt.Sprintf("the container's, started at tick %d, and unchanged after the look", e.Process.StartTime)
	return check
}

// endsWithID reports whether the process's last argument is the container's ID.
func (p Process) endsWithID(id string) bool {
	return id != "" && !p.ArgvCut && len(p.Argv) > 1 && p.Argv[len(p.Argv)-1] == id
}

func checkExecutable(p Process, file File, source string) Check {
	check := Check{
		Name:     CheckExecutable,
		State:    passedIf(file.boots()),
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
		check.State = passedIf(p.Argv[0] == sandboxName && p.endsWithID(c.ID))
		check.Seen = showArgv(p.Argv)
	}
	return check
}

// showArgv shows a process's name, and a container's ID if that is the last
// argument. It hides all other arguments: each may be a password.
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

// ownNamespaces are those that every gVisor sandbox has for itself, whatever
// the container shares. The pid namespace is not one: older sandboxes share the
// host's. Nor is the network namespace, which is the container's.
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
			check.State, check.Seen = Unread, kind+" unknown"
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
		check.Seen += ", as --network=host requires (runsc sandbox.createSandboxProcess)"
	}
	return check
}

// hasHostNetwork reports whether a sandbox was started to use the host's
// network stack. If the flag is repeated, the last one counts.
func (p Process) hasHostNetwork() bool {
	host := false
	for _, s := range settings(untilCommand(p.Argv[min(1, len(p.Argv)):])) {
		if s.name == "network" {
			host = s.value == "host"
		}
	}
	return host
}

// checkRoot tells a sandbox from a container that executes a genuine release
// file: a sandbox has moved into an empty tmpfs (runsc setUpChroot), while a
// container's root is its image.
func checkRoot(p Process, source string) Check {
	return Check{
		Name:     CheckRoot,
		State:    passedIf(p.Root.FSType == "tmpfs" && p.Root.Root == "/"),
		Expected: "tmpfs",
		Seen:     fmt.Sprintf("%s (%s)", Printable(p.Root.FSType), Printable(p.Root.Source)),
		Source:   source,
	}
}

func checkSeccomp(p Process, source string) Check {
	const filter = 2
	return Check{
		Name:     CheckSeccomp,
		State:    passedIf(p.Seccomp == filter),
		Expected: "2, a filter",
		Seen:     fmt.Sprint(p.Seccomp),
		Source:   source,
	}
}

func checkPrivileges(p Process, source string) Check {
	return Check{
		Name:     CheckPrivileges,
		State:    passedIf(p.NoNewPrivs),
		Expected: "true",
		Seen:     fmt.Sprint(p.NoNewPrivs),
		Source:   source,
	}
}
