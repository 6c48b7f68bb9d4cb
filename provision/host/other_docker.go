package host

import (
	"context"
	"fmt"
	"slices"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/dockerproc"
)

// otherDocker explains why docker.service is missing: Docker is a snap, rootless, started
// by another program, or not installed.
func otherDocker(ctx context.Context, h *Host) error {
	if unit, err := h.Units.Unit(ctx, SnapUnit); err == nil && unit.LoadState == "loaded" {
		return fmt.Errorf("no such unit, but there is %s: %w", SnapUnit, blocked.ErrSnap)
	}
	found := dockerproc.Find(h.Paths.Proc)
	if i := slices.IndexFunc(found, func(one dockerproc.Process) bool { return one.UID != 0 }); i >= 0 {
		return fmt.Errorf("no such unit: a rootless dockerd runs (process %d of uid %d), which is not supported", found[i].PID, found[i].UID)
	}
	if len(found) > 0 {
		return fmt.Errorf("no such unit: a dockerd runs (process %d) that docker.service did not start, which is not supported", found[0].PID)
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
