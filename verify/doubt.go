package verify

import (
	"fmt"
	"strings"
)

// A Doubt says why a verdict is Unknown.
type Doubt int

// The values of Doubt.
const (
	NoDoubt           Doubt = iota
	DoubtUnread             // something could not be read; root may see more
	DoubtShim               // the runtime is registered by gVisor's shim, which does not tell the release
	DoubtUnregistered       // dockerd no longer knows the runtime
	DoubtRelease            // it runs in a gVisor that its runtime led to before, of no known release
	DoubtPackage            // its gVisor is of a package, and was not compared yet; Judge does not give it
)

// doubtOf says why a container with these checks, that of the runtime first, is Unknown.
func doubtOf(rt Runtime, registered bool, checks []Check, otherRelease bool) Doubt {
	switch {
	case worstState(checks) != Unknown:
		return NoDoubt
	case otherRelease:
		return DoubtRelease
	case checks[0].State != Unread || len(checks) > 1 && checks[1].State == Unread:
		return DoubtUnread
	case !registered:
		return DoubtUnregistered
	case rt.isShim():
		return DoubtShim
	}
	return DoubtUnread
}

// isShim reports whether the runtime is registered by gVisor's shim and not by a path.
func (rt Runtime) isShim() bool {
	return rt.Path == "" && !rt.TypeIgnored && strings.Contains(rt.Type, "runsc")
}

// isOtherRelease reports whether a container runs in a gVisor that its runtime led to before, according to
// the record of the host, and that is of no known release: its sandbox was started before the runtime was
// adopted. Then everything but the program was verified. That does not prove a sandbox, so the container is
// Unknown at best.
func isOtherRelease(rt Runtime, p Process, e Evidence, checks []Check) bool {
	if checks[0].State != Passed || !rt.Earlier[p.Exe.ID] {
		return false
	}
	for _, check := range checks {
		if check.State == Failed && check.Name != CheckExecutable && check.Name != CheckMembers {
			return false
		}
		if check.State == Passed && check.Name == CheckExecutable {
			return false // a release after all: a package's, whose files were compared
		}
	}
	for _, m := range e.Members {
		if m.Gap != Complete || !rt.Earlier[m.Exe.ID] {
			return false
		}
	}
	return true
}

// otherRelease turns the checks that fail only because the release is not known into such that were not made.
func otherRelease(p Process, e Evidence, checks []Check) {
	for i := range checks {
		switch checks[i].Name {
		case CheckExecutable:
			checks[i].State, checks[i].Seen = Unread, "gVisor, not verified: "+Printable(p.Exe.Path)+" is of no known release"
		case CheckMembers:
			checks[i].State, checks[i].Seen = Unread, fmt.Sprintf("%d from the same program, of no known release", len(e.Members))
		}
	}
}
