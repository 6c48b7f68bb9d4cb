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

// errReloadRefused says that dockerd was signalled to read daemon.json again and did not
// say that it has. Its settings may be right all the same, from an earlier reload. But its
// next start will fail on the file.
var errReloadRefused = errors.New("dockerd did not take the change: it refused to read daemon.json")

// staleCheckInterval is the time between two checks whether another program has changed
// daemon.json.
const staleCheckInterval = 100 * time.Millisecond

// WatchForReload subscribes to dockerd's events. The function that it returns waits for the
// event that dockerd sends only after it has taken its configuration (moby
// daemon/reload.go); systemd says "reloaded" in either case. It also stops the
// subscription, and must be called.
//
// Called with an error, it returns nil at once. It returns the error of stale as soon as
// there is one: another program's text may be what dockerd refuses. Without an event
// within Timeout, it returns an error.
func (d Dockerd) WatchForReload(ctx context.Context, flags engine.Flags, stale func() error) (wait func(error) error, err error) {
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
		staleCheck := time.NewTicker(staleCheckInterval)
		defer staleCheck.Stop()
		for open := true; open; {
			var event engine.Event
			select {
			case event, open = <-events:
				if event.Type == "daemon" && event.Action == "reload" {
					return nil
				}
			case <-staleCheck.C:
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
		// Without events, the settings that dockerd shows have to do. Confirm comes next, and
		// fails if dockerd is gone.
		d.Logger().Debug("no events from dockerd", zap.Error(<-ended))
		return nil
	}, nil
}
