package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// otherDocker says what was found of Docker where docker.service is not there.
func (h *Host) otherDocker(ctx context.Context) error {
	const snap = "snap.docker.dockerd.service"
	if unit, err := h.Units.Unit(ctx, snap); err == nil && unit.LoadState == "loaded" {
		return fmt.Errorf("there is no such unit: Docker is installed as a snap (%s), which is not supported: it runs no runtime from outside", snap)
	}
	if pid, uid, found := h.findDockerd(); found && uid != 0 {
		return fmt.Errorf("there is no such unit: a rootless dockerd runs (process %d of uid %d), which is not supported", pid, uid)
	} else if found {
		return fmt.Errorf("there is no such unit: a dockerd runs (process %d) that no docker.service has started, which is not supported", pid)
	}
	return errors.New("there is no such unit: Docker is not installed")
}

// findDockerd looks for a process called dockerd.
func (h *Host) findDockerd() (pid, uid int, found bool) {
	comms, err := filepath.Glob(filepath.Join(h.Paths.Proc, "[0-9]*", "comm"))
	if err != nil {
		return 0, 0, false
	}
	for _, path := range comms {
		name, err := os.ReadFile(path)
		if err != nil || string(bytes.TrimSpace(name)) != "dockerd" {
			continue
		}
		info, err := os.Stat(filepath.Dir(path))
		if err != nil {
			continue
		}
		if _, err := fmt.Sscan(filepath.Base(filepath.Dir(path)), &pid); err == nil {
			return pid, int(info.Sys().(*syscall.Stat_t).Uid), true
		}
	}
	return 0, 0, false
}
