package verify

// A State is what is to be said of a container, or of all of them. Its order
// is how bad it is, the zero State being that there is nothing to say it of.
type State int

// The states there are.
const (
	NoEvidence   State = iota // no container, so nothing was shown
	Sandboxed                 // every check passed
	Unknown                   // something could not be read, and nothing failed
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

// A CheckState is how one check ended.
type CheckState int

// The ways there are. The zero CheckState lets no verdict pass.
const (
	Unread  CheckState = iota // it could not be made
	Passed                    // made and right
	Limited                   // made as far as the host allows, and right so far
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

// A Check is one of the things that have to agree. Its strings are safe to
// show: text from outside is in them through Printable.
type Check struct {
	Name     string
	State    CheckState
	Expected string
	Seen     string
	Source   string // where it was seen: "/info", "/proc/PID/exe"
}

// The checks' names, in the order Judge makes them.
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

// A Verdict is what is said of one container, and why.
type Verdict struct {
	Container Container
	State     State
	Release   string // that it runs from; only of a Sandboxed container
	Remap     Remap
	Checks    []Check
	// Weaknesses and Ways are listed beside the verdict and change nothing of
	// it: see Weaknesses and WaysAround. Judge leaves them empty.
	Weaknesses []Weakness
	Ways       []Way
}

// Why is the first of the checks that did not pass, in a few words; "" where all
// did.
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

// Remap says whose ids a container's processes have on the host.
type Remap int

// The ways there are. It is judged of containers outside a sandbox too.
const (
	RemapUnknown Remap = iota // its process could not be looked at
	RemapHost                 // those of the host: its root is the host's
	Remapped                  // those that it should have
	RemapOther                // others
)

func (r Remap) String() string {
	return [...]string{"unknown", "host", "remapped", "other"}[r]
}

// sum draws the verdict from its checks.
func sum(checks []Check) State {
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
