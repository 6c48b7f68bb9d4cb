package verify

// A State is the verdict on a container, or on all of them. A higher State is
// worse; the zero State means that there is no container.
type State int

// The states, best first.
const (
	NoEvidence   State = iota // there is no container
	Sandboxed                 // every check passed
	Unknown                   // no check failed, but something could not be read
	NotSandboxed              // a check failed
)

func (s State) String() string {
	switch s {
	case NoEvidence:
		return "no evidence"
	case Sandboxed:
		return "sandboxed"
	case NotSandboxed:
		return "not sandboxed"
	default:
		return "unknown"
	}
}

// A CheckState is the result of one check.
type CheckState int

// The results of a check. The zero CheckState keeps a verdict from passing.
const (
	Unread  CheckState = iota // the check could not be made
	Passed                    // made and right
	Limited                   // made as far as the host allows, and nothing was wrong
	Failed                    // made and wrong
)

func (s CheckState) String() string {
	switch s {
	case Passed:
		return "passed"
	case Limited:
		return "limited"
	case Failed:
		return "failed"
	default:
		return "unread"
	}
}

// A Check is one of the facts that must agree. Its strings are safe to show:
// text from outside went through Printable.
type Check struct {
	Name     string
	State    CheckState
	Expected string
	Seen     string
	Source   string // where it was seen: "/info", "/proc/PID/exe"
}

// The names of the checks, in the order in which Judge makes them.
const (
	CheckRuntime    = "runtime"
	CheckProcess    = "process"
	CheckExecutable = "executable"
	CheckArguments  = "arguments"
	CheckNamespaces = "namespaces"
	CheckRoot       = "root file system"
	CheckSeccomp    = "seccomp"
	CheckPrivileges = "no new privileges"
	CheckCaps       = "capabilities"
	CheckUIDMap     = "uid map"
	CheckMembers    = "other processes"
	CheckGofer      = "gofer"
)

// A Verdict is the judgement of one container, with its reasons.
type Verdict struct {
	Container Container
	State     State
	Doubt     Doubt  // why State is Unknown
	Release   string // the one it runs from; only set if State is Sandboxed
	Remap     Remap
	Checks    []Check
	// Writes says whether Docker keeps what it writes, by the arguments of its
	// sandbox; "" if they are not known. Judge leaves it empty: see SandboxWrites.
	Writes Writes
	// Inside says what its sandbox lets through. Judge leaves it empty: see InsideOf.
	Inside Inside
	// Weaknesses and Ways are listed beside the verdict and do not change it:
	// see Weaknesses and WaysAround. Judge leaves them empty.
	Weaknesses []Weakness
	Ways       []Way
}

// Why describes the first check that failed, or else the first that could not
// be made, in a few words. It is "" if all passed.
func (v Verdict) Why() string {
	for _, bad := range []CheckState{Failed, Unread} {
		for _, check := range v.Checks {
			if check.State == bad {
				return check.Name + ": " + check.Seen
			}
		}
	}
	return ""
}

// Remap says which ids a container's processes have on the host.
type Remap int

// The values of Remap. Containers outside a sandbox are judged too.
const (
	RemapUnknown Remap = iota // its process could not be read
	RemapHost                 // the host's: its root is root on the host
	Remapped                  // those that userns-remap gives it
	RemapOther                // neither of these
)

func (r Remap) String() string {
	return [...]string{"unknown", "host", "remapped", "other"}[r]
}

// worstState returns the worst state that the checks give.
func worstState(checks []Check) State {
	state := NoEvidence
	for _, c := range checks {
		switch c.State {
		case Passed, Limited:
			state = max(state, Sandboxed)
		case Failed:
			state = max(state, NotSandboxed)
		default:
			state = max(state, Unknown)
		}
	}
	return state
}
