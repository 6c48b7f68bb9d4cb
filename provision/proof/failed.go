package proof

import (
	"errors"
	"fmt"
	"strings"

	"runsc-provisioner/provision/redact"
)

// Failed says that a release starts no sandbox on this host, or that Docker does not see the
// writes of its container as promised: then Err is *UnseenWrites.
type Failed struct {
	Release  string
	Runtime  string
	Args     []string
	InDocker bool // through dockerd
	InBuild  bool // through BuildKit
	Err      error
	// Rejected are those of Args that runsc rejects: without them, it reads its command line.
	Rejected []string
	// Output is what runsc printed. It is not safe for a terminal.
	Output string
}

func (f *Failed) Error() string {
	var unseen *UnseenWrites
	if errors.As(f.Err, &unseen) {
		return fmt.Sprintf("dockerd starts a sandbox of gVisor %s (runtime %s), but %v", f.Release, f.Runtime, f.Err)
	}
	if len(f.Rejected) > 0 {
		noun := "argument"
		if len(f.Rejected) > 1 {
			noun += "s"
		}
		return fmt.Sprintf("gVisor %s rejects the %s %s of runtime %s", f.Release, noun, strings.Join(redact.Rejected(f.Rejected), ", "), f.Runtime)
	}
	said := redact.InArguments(f.Args).Hide(fmt.Sprint(f.Err)) // runsc quotes arguments
	if f.InBuild {
		return fmt.Sprintf("BuildKit runs a step in no sandbox of gVisor %s (runtime %s): %s", f.Release, f.Runtime, said)
	}
	if f.InDocker {
		return fmt.Sprintf("dockerd starts no sandbox of gVisor %s (runtime %s): %s", f.Release, f.Runtime, said)
	}
	return fmt.Sprintf("gVisor %s starts no sandbox on this host (runtime %s): %s", f.Release, f.Runtime, said)
}

func (f *Failed) Unwrap() error { return f.Err }
