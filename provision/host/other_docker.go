package host

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"runsc-provisioner/provision/blocked"
)

// otherDocker says what was found of Docker where docker.service is not there.
func (h *Host) otherDocker(ctx context.Context) error {
	const snap = "snap.docker.dockerd.service"
	if unit, err := h.Units.Unit(ctx, snap); err == nil && unit.LoadState == "loaded" {
		return fmt.Errorf("there is no such unit: Docker is installed as a snap (%s), which is not supported: it runs no runtime from outside", snap)
	}
	found := findDockerds(h.Paths.Proc)
	if i := slices.IndexFunc(found, func(one daemonProcess) bool { return one.uid != 0 }); i >= 0 {
		return fmt.Errorf("there is no such unit: a rootless dockerd runs (process %d of uid %d), which is not supported", found[i].pid, found[i].uid)
	}
	if len(found) > 0 {
		return fmt.Errorf("there is no such unit: a dockerd runs (process %d) that no docker.service has started, which is not supported", found[0].pid)
	}
	return fmt.Errorf("there is no such unit: %w", blocked.ErrNotInstalled)
}

// A daemonProcess is called dockerd, which anybody may call himself.
type daemonProcess struct {
	pid, uid int
	nested   bool // in a pid namespace of its own, as in a container
}

// findDockerds looks for processes called dockerd.
func findDockerds(proc string) []daemonProcess {
	comms, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "comm"))
	if err != nil {
		return nil
	}
	var found []daemonProcess
	for _, path := range comms {
		name, err := os.ReadFile(path)
		if err != nil || string(bytes.TrimSpace(name)) != "dockerd" {
			continue
		}
		dir := filepath.Dir(path)
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			continue
		}
		one := daemonProcess{uid: int(info.Sys().(*syscall.Stat_t).Uid), nested: nestedPID.Match(status)}
		if _, err := fmt.Sscan(filepath.Base(dir), &one.pid); err == nil {
			found = append(found, one)
		}
	}
	return found
}

// nestedPID is of a process that has another number in a namespace further in.
var nestedPID = regexp.MustCompile(`(?m)^NSpid:\s+\d+\s+\d`)

// DockerdPID is the one dockerd that is root's and in no container; of several
// none is believed.
func DockerdPID(proc string) (pid int, found bool) {
	n := 0
	for _, one := range findDockerds(proc) {
		if one.uid == 0 && !one.nested {
			pid = one.pid
			n++
		}
	}
	return pid, n == 1
}
