package verify

import "time"

// A Container is what dockerd says of one running container. Its strings are
// the engine's, unchecked: pass them through Printable before showing them.
type Container struct {
	ID         string // all 64 hex digits
	Name       string
	Image      string // as it was asked for
	ImageID    string // its digest, "sha256:…"
	Created    time.Time
	Runtime    string // the name it was created with; never empty in dockerd's answers
	PID        int    // State.Pid
	Privileged bool
	UsernsMode string // "host" opts out of userns-remap
	// HostNamespaces are those that it was asked to share with the host, in the
	// words of docker run: "network", "pid", "ipc", "uts", "cgroupns".
	HostNamespaces []string
	CapAdd         []string // "SYS_ADMIN", "CAP_SYS_ADMIN", "ALL"
	SecurityOpt    []string // "seccomp=unconfined"
	Devices        []HostDevice
	Mounts         []HostMount
	Labels         map[string]string
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
}

// A HostDevice is a device of the host inside a container.
type HostDevice struct {
	Source      string // its path on the host
	Destination string // what it is called inside
}

// An IDRange is one line of a uid_map, see user_namespaces(7).
type IDRange struct {
	Inside, Outside, Length uint32
}
