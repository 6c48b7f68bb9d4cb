// Package await waits, for a bounded time, until a running dockerd has taken a change:
// until it says that it has read daemon.json again, and until it shows the settings that
// are wanted. It only reads, and gives up at once when another program has changed
// daemon.json meanwhile.
package await

import (
	"context"
	"errors"
	"fmt"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// Dockerd is a dockerd that is waited for.
type Dockerd struct {
	*host.Host
	Timeout time.Duration // the longest wait
}

// Confirm asks dockerd until it shows what s wants, or time is up, or it cannot
// because daemon.json is stale.
func (d Dockerd) Confirm(ctx context.Context, s plan.Settings, flags engine.Flags, stale func() error) (engine.Info, error) {
	within := d.Timeout
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	client, err := d.Dial(flags)
	if err != nil {
		return engine.Info{}, blocked.DockerdSilent(err)
	}
	defer client.Close()
	var last error
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		info, err := client.Info(ctx)
		if err == nil {
			if err = s.Missing(info); err == nil {
				return info, nil
			}
			if err := stale(); err != nil {
				return engine.Info{}, err
			}
		}
		// The last answer before time was up says more than "deadline exceeded".
		if last == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.Canceled) {
				return engine.Info{}, fmt.Errorf("confirm the change in dockerd: %w", context.Canceled)
			}
			return engine.Info{}, fmt.Errorf("dockerd did not take the change within %s: %w (journalctl -u %s says why)", within, last, host.DockerUnit)
		case <-time.After(wait):
		}
	}
}
