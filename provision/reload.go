package provision

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"runsc-provisioner/provision/engine"
)

// errReloadRefused says that dockerd was told to read daemon.json again and did
// not say that it has. What it runs with may be right all the same, from an
// earlier time: the file is what its next start will fail on.
var errReloadRefused = errors.New("dockerd did not take the change: it refused to read daemon.json")

// watchReload subscribes to dockerd's events. The function it returns waits for
// the one that dockerd sends after it has taken its configuration, and only
// then (moby daemon/reload.go): systemd says "reloaded" either way. With an
// error it does not wait, and returns nil.
func (h *Host) watchReload(ctx context.Context, flags engine.Flags) (taken func(error) error, err error) {
	client, err := h.dial(flags)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, h.confirmWithin())
	events, ended := client.Events(ctx)
	return func(stop error) error {
		defer client.Close()
		defer cancel()
		if stop != nil {
			return nil
		}
		for event := range events {
			if event.Type == "daemon" && event.Action == "reload" {
				return nil
			}
		}
		if errors.Is(context.Cause(ctx), context.Canceled) {
			return fmt.Errorf("wait for dockerd to reload: %w", context.Canceled)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w within %s (journalctl -u %s says why)", errReloadRefused, h.confirmWithin(), DockerUnit)
		}
		// Without events, what dockerd says of its settings has to do: Confirm
		// comes next, and fails if it is gone.
		h.log().Debug("no events from dockerd", zap.Error(<-ended))
		return nil
	}, nil
}
