package host

import (
	"context"
	"path/filepath"
	"slices"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/engine"
)

// UnitDaemonJSON is where unit's dockerd reads its configuration.
func (h *Host) UnitDaemonJSON(unit Unit) string {
	_, flags, err := h.CommandLine(unit)
	if err != nil {
		return h.Paths.DaemonJSON
	}
	return h.DaemonJSON(flags)
}

// ConfigPaths are the file of the configuration, and the directory of its
// drop-ins.
func (h *Host) ConfigPaths() (file, dropins string) {
	return filepath.Join(h.Paths.Config, "config.toml"), filepath.Join(h.Paths.Config, "config.d")
}

// Events are those of the dockerd of o, until ctx ends or dockerd goes away.
func (h *Host) Events(ctx context.Context, o Observed) (<-chan engine.Event, <-chan error, error) {
	client, err := h.Dial(o.Flags)
	if err != nil {
		return nil, nil, blocked.DockerdSilent(err)
	}
	events, ended := client.Events(ctx)
	context.AfterFunc(ctx, func() { client.Close() })
	return events, ended, nil
}

// ImageAllowed reports whether the image with this ID is one of those whose digests
// are in allow.
func (h *Host) ImageAllowed(ctx context.Context, o Observed, image string, allow []string) (bool, error) {
	if len(allow) == 0 {
		return false, nil
	}
	client, err := h.Dial(o.Flags)
	if err != nil {
		return false, blocked.DockerdSilent(err)
	}
	defer client.Close()
	digests, err := client.ImageDigests(ctx, image)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(digests, func(d string) bool { return slices.Contains(allow, d) }), nil
}
