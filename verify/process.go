package verify

// A Process is what /proc says about one process. The process itself controls
// Argv and Exe.Path.
type Process struct {
	PID        int
	Parent     int
	StartTime  uint64   // clock ticks since boot
	Argv       []string // at most 64 KiB
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
	Root   string // the directory of the file system that is mounted
	FSType string
	Source string
}

// A Member is another process that belongs to a container.
type Member struct {
	PID int
	Exe Exe
	Gap Gap
	// UIDMap is read only if the container should be remapped; nil if it could
	// not be read.
	UIDMap []IDRange
}

// A Gofer is the process of a sandbox that opens the container's files for it.
type Gofer struct {
	Process Process
	Gap     Gap
}

// A Gap says how much of a process could be read. The zero Gap means that the
// process was not looked at.
type Gap int

// The results of a look at a process.
const (
	Unseen     Gap = iota
	Complete       // everything was read, from one and the same process
	Gone           // there is no such process, at least not in this /proc
	Denied         // not permitted: root or CAP_SYS_PTRACE is missing
	Unsteady       // it was replaced, or executed another program, at every look
	Unreadable     // what /proc said made no sense
)

// A scope says which processes Evidence.Members are.
type scope int

// The values of a scope.
const (
	nowhere scope = iota // not looked for
	// inCgroup means every process in or below a cgroup with the container's ID
	// in its name, in any hierarchy.
	inCgroup
	// descendants means every descendant of the first process, and its gofer.
	// Its cgroup is not used: others share it, as with runsc's
	// --ignore-cgroups.
	descendants
)

// Evidence is what was seen of one container on the host.
type Evidence struct {
	Process Process
	Gap     Gap
	Why     error // the cause of a Gap other than Complete
	Host    map[string]uint64
	Members []Member // without Process itself, kernel threads and dead processes
	// Gofers are the Members that open files for the sandbox and run from a
	// release, read in full as Process is. At most 8 are kept.
	Gofers     []Gofer
	Scope      scope
	MembersCut bool // there were too many to keep
}
