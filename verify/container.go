package verify

import (
	"path"
	"time"
)

// A Container is what dockerd says about one running container. Its strings
// come from the engine, unchecked: pass them through Printable before showing
// them.
type Container struct {
	ID         string // all 64 hex digits
	Name       string
	Unread     error  // why dockerd's answer is unusable: then only ID and Name are set
	Image      string // as the user named it
	ImageID    string // its digest, "sha256:…"
	Created    time.Time
	Runtime    string // the name it was created with; never empty in dockerd's answers
	PID        int    // State.Pid
	Restarting bool   // dockerd is about to start it again; until then PID is 0
	Privileged bool
	UsernsMode string // "host" opts out of userns-remap
	// HostNamespaces are those that it shares with the host on request, named
	// as in docker run: "network", "pid", "ipc", "uts", "cgroupns".
	HostNamespaces []string
	Joins          []Join
	// Network is the network that it was created with or is connected to, if that is one on which dockerd
	// resolves the names of containers; else "".
	Network        string
	NoNetwork      bool     // --network=none
	Sysctls        []string // the names of --sysctl, sorted
	CapAdd         []string // "SYS_ADMIN", "CAP_SYS_ADMIN", "ALL"
	SecurityOpt    []string // "seccomp=unconfined"
	Devices        []HostDevice
	DeviceRules    []string // "c 1:3 rwm"
	DeviceRequests []string // as the docker command writes them: "--gpus all"
	MaskedPaths    []string // nil where dockerd names none
	ReadonlyPaths  []string
	Mounts         []HostMount
	Volumes        []Volume // from the driver "local"
	Labels         map[string]string
	LabelsCut      bool // it has too many labels to read, so Labels is empty
	Annotations    map[string]string
	// UIDMap is the map that dockerd's userns-remap gives this container, as
	// /proc/PID/uid_map shows it on the host. It is nil for a container that is
	// not remapped; then the map of the process is not judged.
	UIDMap []IDRange
	// RemapRoot is the host's id of root inside, by dockerd's data root, for a container that dockerd remaps. It is 0
	// for one that is not remapped. It only names the ids, and nothing is judged by it.
	RemapRoot uint32
}

// A HostMount is a path of the host inside a container.
type HostMount struct {
	Source      string
	Destination string
	Writable    bool
	// Resolved is Source with every symlink followed, if that is another path.
	// Only a look at the host can tell.
	Resolved string
}

// At is the path that was really mounted.
func (m HostMount) At() string {
	if m.Resolved != "" {
		return m.Resolved
	}
	return path.Clean(m.Source)
}

// A Join is a namespace that a container shares with another container.
type Join struct {
	Kind      string // as in HostNamespaces
	Container string // the other container's ID or name
	Leads     Leads
}

// Leads says who owns a namespace in the end, after all joins are followed.
type Leads int

// Where a join can lead.
const (
	ToOwn     Leads = iota // to a namespace that belongs to a container
	ToHost                 // to the host's
	ToNothing              // to a container that is gone or cannot be read
)

// A HostDevice is a device of the host inside a container.
type HostDevice struct {
	Source      string // its path on the host
	Destination string // its path in the container
}

// An IDRange is one line of a uid_map, see user_namespaces(7).
type IDRange struct {
	Inside, Outside, Length uint32
}
