package verify

// A Container is what dockerd says of one running container. Its strings are
// the engine's, unchecked: pass them through Printable before showing them.
type Container struct {
	ID         string // all 64 hex digits
	Name       string
	Image      string // as it was asked for
	ImageID    string // its digest, "sha256:…"
	Runtime    string // the name it was created with; never empty in dockerd's answers
	PID        int    // State.Pid
	Privileged bool
	UsernsMode string // "host" opts out of userns-remap
	// UIDMap is the map dockerd's userns-remap gives this container, as
	// /proc/PID/uid_map shows it on the host; nil where it is not remapped,
	// and then the process's own map is not judged.
	UIDMap []IDRange
}

// An IDRange is one line of a uid_map, see user_namespaces(7).
type IDRange struct {
	Inside, Outside, Length uint32
}
