package verify

// A Process is what /proc says of one process. Argv and Exe.Path are whatever
// that process wants them to be.
type Process struct {
	PID        int
	Parent     int
	StartTime  uint64   // clock ticks since boot
	Argv       []string // at most 64 KiB of it
	ArgvCut    bool     // there was more
	Exe        Exe
	UIDMap     []IDRange
	Namespaces map[string]uint64 // "user" → inode number
	Cgroups    []Cgroup
	Root       Mount
	Seccomp    int // 2 is a filter, see proc_pid_status(5)
	NoNewPrivs bool
	CapEff     uint64
}

// A Cgroup is one line of /proc/PID/cgroup, see cgroups(7).
type Cgroup struct {
	Hierarchy   int    // 0 is cgroup v2
	Controllers string // empty for cgroup v2
	Path        string
}

// A Mount is one line of /proc/PID/mountinfo.
type Mount struct {
	Root   string // the directory of that file system which is mounted
	FSType string
	Source string
}

// A Member is another process that belongs to a container.
type Member struct {
	PID int
	Exe Exe
	Gap Gap
	// UIDMap is looked at where the container is to be remapped; nil where it
	// could not be read.
	UIDMap []IDRange
}

// A Gofer is the process of a sandbox that opens the container's files for it.
type Gofer struct {
	Process Process
	Gap     Gap
}

// A Gap says how much of a process could be read. The zero Gap is a process
// that nobody looked at.
type Gap int

// How a look at a process can end.
const (
	Unseen     Gap = iota
	Complete       // everything was read, of one and the same process
	Gone           // there is no such process, at least not in this /proc
	Denied         // it may not be read: root or CAP_SYS_PTRACE is missing
	Unsteady       // it was replaced or executed something else at every look
	Unreadable     // what /proc said made no sense
)

// A Scope says which processes Evidence.Members are.
type Scope int

// The scopes there are.
const (
	Nowhere Scope = iota // nobody looked
	// InCgroup is every process in or below a cgroup named by the container's
	// ID, in any hierarchy.
	InCgroup
	// Descendants is every descendant of the first process, its gofer and nobody
	// else: its cgroup is shared with others, as with runsc's --ignore-cgroups.
	Descendants
)

// Evidence is what was seen of one container.
type Evidence struct {
	Process Process
	Gap     Gap
	Why     error // more on a Gap that is not Complete
	Host    map[string]uint64
	Members []Member // without Process itself, kernel threads and the dead
	// Gofers are those of Members that open files for the sandbox and run from
	// a release, looked at as Process is. At most 8 are.
	Gofers     []Gofer
	Scope      Scope
	MembersCut bool // there were more than could be kept
}
