package host

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"syscall"

	"runsc-provisioner/provision/durable"
)

// maxCommandLine limits dockerd's command line in bytes: ARG_MAX on Linux.
const maxCommandLine = 2 << 20

// Ended reports whether the dockerd of unit has ended, as far as the kernel and systemd
// say.
func (h *Host) Ended(ctx context.Context, unit Unit) bool {
	if unit.MainPID != 0 {
		// systemd may not have noticed yet. A process that has ended has no command line.
		line, err := durable.ReadLimited(filepath.Join(h.Paths.Proc, strconv.Itoa(unit.MainPID), "cmdline"), maxCommandLine)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || err == nil && len(line) == 0 {
			return true
		}
	}
	now, err := h.Units.Unit(ctx, unit.Name)
	return err == nil && (!now.Running() || now.InvocationID != unit.InvocationID)
}
