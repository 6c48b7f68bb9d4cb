package await

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
)

// errReloadRefused says that dockerd was told to read daemon.json again and did
// not say that it has. What it runs with may be right all the same, from an
// earlier time: the file is what its next start will fail on.
var errReloadRefused = errors.New("dockerd did not take the change: it refused to read daemon.json")

// staleCheckInterval is how often it is looked meanwhile whether daemon.json is still
// what dockerd was to read.
const staleCheckInterval = 100 * time.Millisecond

// WatchForReload subscribes to dockerd's events. The function it returns waits for
// the one that dockerd sends after it has taken its configuration, and only
// then (moby daemon/reload.go): systemd says "reloaded" either way. With an
// error it does not wait, and returns nil; nor does it wait once daemon.json is
// stale, which may be what dockerd refuses.
func (d Dockerd) WatchForReload(ctx context.Context, flags engine.Flags, stale func() error) (taken func(error) error, err error) {
	client, err := d.Dial(flags)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	events, ended := client.Events(ctx)
	return func(stop error) error {
		defer client.Close()
		defer cancel()
		if stop != nil {
			return nil
		}
		look := time.NewTicker(staleCheckInterval)
		defer look.Stop()
		for open := true; open; {
			var event engine.Event
			select {
			case event, open = <-events:
				if event.Type == "daemon" && event.Action == "reload" {
					return nil
				}
			case <-look.C:
				if err := stale(); err != nil {
					return err
				}
			}
		}
		if errors.Is(context.Cause(ctx), context.Canceled) {
			return fmt.Errorf("wait for dockerd to reload: %w", context.Canceled)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w within %s (journalctl -u %s says why)", errReloadRefused, d.Timeout, host.DockerUnit)
		}
		// Without events, what dockerd says of its settings has to do: Settings
		// comes next, and fails if it is gone.
		d.Logger().Debug("no events from dockerd", zap.Error(<-ended))
		return nil
	}, nil
}
