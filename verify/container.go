package verify

import "time"

// A Container is what dockerd says of one running container. Its strings are
// the engine's, unchecked: pass them through Printable before showing them.
type Container struct {
	ID         string // all 64 hex digits
	Name       string
	Unread     error  // why dockerd's answer is of no use: nothing but ID and Name is known then
	Image      string // as it was asked for
	ImageID    string // its digest, "sha256:…"
	Created    time.Time
	Runtime    string // the name it was created with; never empty in dockerd's answers
	PID        int    // State.Pid
	Restarting bool   // it has none, PID 0, between two starts that dockerd makes by itself
	Privileged bool
	UsernsMode string // "host" opts out of userns-remap
	// HostNamespaces are those that it was asked to share with the host, in the
	// words of docker run: "network", "pid", "ipc", "uts", "cgroupns".
	HostNamespaces []string
	Joins          []Join
	CapAdd         []string // "SYS_ADMIN", "CAP_SYS_ADMIN", "ALL"
	SecurityOpt    []string // "seccomp=unconfined"
	Devices        []HostDevice
	DeviceRules    []string // "c 1:3 rwm"
	DeviceRequests []string // as the docker command has them: "--gpus all"
	MaskedPaths    []string // nil where dockerd names none
	ReadonlyPaths  []string
	Mounts         []HostMount
	Volumes        []Volume // of the driver "local"
	Labels         map[string]string
	LabelsCut      bool // it has more labels than are read, and Labels has none
	Annotations    map[string]string
	// UIDMap is the map dockerd's userns-remap gives this container, as
	// /proc/PID/uid_map shows it on the host; nil where it is not remapped,
	// and then the process's own map is not judged.
	UIDMap []IDRange
}

// A HostMount is a path of the host inside a container.
type HostMount struct {
	Source      string
	Destination string
	Writable    bool
	// Resolved is Source with every symlink followed, where that is another path.
	// Only who looks at the host can say.
	Resolved string
}

// A Join is a namespace of another container's that a container is in.
type Join struct {
	Kind      string // as in HostNamespaces
	Container string // whose it is: an ID or a name
	Leads     Leads
}

// Leads says whose a namespace is in the end.
type Leads int

// The ways there are.
const (
	ToOwn     Leads = iota // to a namespace of some container's own
	ToHost                 // to the host's
	ToNothing              // to a container that is gone, or not to be read
)

// A HostDevice is a device of the host inside a container.
type HostDevice struct {
	Source      string // its path on the host
	Destination string // what it is called inside
}

// An IDRange is one line of a uid_map, see user_namespaces(7).
type IDRange struct {
	Inside, Outside, Length uint32
}
