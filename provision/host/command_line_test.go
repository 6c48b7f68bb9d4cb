package host

import (
	"errors"
	"testing"

	"runsc-provisioner/provision/blocked"
)

// dockerd may end between the answer of systemd and the look at /proc: that is no state that a user has to change.
func TestCommandLine_OfADockerdThatHasEnded(t *testing.T) {
	t.Parallel()
	h := &Host{Paths: Paths{Proc: t.TempDir()}}
	unit := Unit{Name: DockerUnit, MainPID: 12345}
	_, _, err := h.CommandLine(unit)
	_, conflictsErr := h.FlagConflicts(unit)
	for what, err := range map[string]error{"command line": err, "flag conflicts": conflictsErr} {
		if _, is := errors.AsType[*blocked.Unreachable](err); !is {
			t.Errorf("%s: got %T %v, want a *blocked.Unreachable", what, err, err)
		}
	}
}
