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
	"runsc-provisioner/provision/durable"
)

// otherDocker explains why docker.service is missing: Docker is a snap, rootless, started
// by another program, or not installed.
func (h *Host) otherDocker(ctx context.Context) error {
	if unit, err := h.Units.Unit(ctx, SnapUnit); err == nil && unit.LoadState == "loaded" {
		return fmt.Errorf("no such unit, but there is %s: %w", SnapUnit, blocked.ErrSnap)
	}
	found := findDockerds(h.Paths.Proc)
	if i := slices.IndexFunc(found, func(one daemonProcess) bool { return one.uid != 0 }); i >= 0 {
		return fmt.Errorf("no such unit: a rootless dockerd runs (process %d of uid %d), which is not supported", found[i].pid, found[i].uid)
	}
	if len(found) > 0 {
		return fmt.Errorf("no such unit: a dockerd runs (process %d) that docker.service did not start, which is not supported", found[0].pid)
	}
	return fmt.Errorf("no such unit: %w", blocked.ErrNotInstalled)
}

// SnapUnit is the unit of Canonical's snap of Docker (canonical/docker-snap). Its dockerd
// listens on Paths.Socket and keeps everything else in /var/snap/docker.
const SnapUnit = "snap.docker.dockerd.service"

// SnapRuns reports whether Docker runs as a snap. An error of systemd counts as no.
func (h *Host) SnapRuns(ctx context.Context) bool {
	unit, err := h.Units.Unit(ctx, SnapUnit)
	return err == nil && (unit.Running() || unit.ActiveState == "activating")
}

// daemonProcess is a process with the name dockerd, which any program can take.
type daemonProcess struct {
	pid, uid int
	nested   bool // in another pid namespace, such as a container
}

// findDockerds finds the processes with the name dockerd.
func findDockerds(proc string) []daemonProcess {
	comms, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "comm"))
	if err != nil {
		return nil
	}
	var found []daemonProcess
	for _, path := range comms {
		name, err := durable.ReadProc(path)
		if err != nil || string(bytes.TrimSpace(name)) != "dockerd" {
			continue
		}
		dir := filepath.Dir(path)
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		status, err := durable.ReadProc(filepath.Join(dir, "status"))
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

// nestedPID matches the status of a process that also has a pid in an inner namespace
// (proc_pid_status(5)).
var nestedPID = regexp.MustCompile(`(?m)^NSpid:\s+\d+\s+\d`)

// DockerdPID returns the pid of the only dockerd that runs as root outside of containers.
// found is false if there is none, or more than one.
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
