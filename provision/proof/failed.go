package proof

import (
	"errors"
	"fmt"
)

// Failed says that a release starts no sandbox on this host, or one of which
// Docker does not see the writes as promised: then Err is *UnseenWrites. Output is
// what runsc itself said; it comes from outside and is not fit for a terminal
// as it is.
type Failed struct {
	Release  string
	Runtime  string
	Args     []string
	InDocker bool // dockerd was to start it
	Err      error
	Output   string
}

func (p *Failed) Error() string {
	var unseen *UnseenWrites
	if errors.As(p.Err, &unseen) {
		return fmt.Sprintf("a container that dockerd started with runtime %s is in a sandbox of gVisor %s, but %v", p.Runtime, p.Release, p.Err)
	}
	if p.InDocker {
		return fmt.Sprintf("a container that dockerd was to start with runtime %s is not in a sandbox of gVisor %s: %v", p.Runtime, p.Release, p.Err)
	}
	return fmt.Sprintf("gVisor %s starts no sandbox on this host (runtime %s): %v", p.Release, p.Runtime, p.Err)
}

func (p *Failed) Unwrap() error { return p.Err }
