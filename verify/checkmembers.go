package verify

import "fmt"

// checkMembers checks that every other process of the container runs from the
// same release as its first process: gofer, sidecars, and the stub processes in
// which the sandbox's platform runs applications.
func checkMembers(e Evidence, release string, releases []Release) Check {
	check := Check{
		Name:     CheckMembers,
		Expected: "all from the same release",
		Source:   "/proc/*/cgroup",
	}
	if e.Scope == descendants {
		check.Source = "/proc/*/stat"
	}
	var strange, unread int
	var first Member
	for _, m := range e.Members {
		switch {
		case m.Gap != Complete:
			unread++
		case release == "" || identify(m.Exe, releases).Release != release:
			if strange++; strange == 1 {
				first = m
			}
		}
	}
	total := len(e.Members)
	switch {
	case strange > 0:
		check.State = Failed
		check.Seen = fmt.Sprintf("%d of %d are not, for example process %d, %s", strange, total, first.PID, Printable(first.Exe.Path))
	case e.Scope == nowhere:
		check.Seen = "not looked for"
	case unread > 0:
		check.Seen = fmt.Sprintf("%d of %d are not readable", unread, total)
	case e.MembersCut:
		check.Seen = fmt.Sprintf("more than %d", total)
	case e.Scope == descendants:
		check.State = Limited
		check.Seen = fmt.Sprintf("%d descendants; the cgroup is shared with other processes", total)
	default:
		check.State, check.Seen = Passed, fmt.Sprintf("%d in the container's cgroup", total)
	}
	return check
}
