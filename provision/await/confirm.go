// Package await waits, for a bounded time, until a running dockerd has taken a change: it
// says that it has read daemon.json again, and shows the settings of the plan. It only
// reads. It gives up at once if another program changes daemon.json meanwhile.
package await

import (
	"context"
	"errors"
	"fmt"
	"time"

	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

// Dockerd is a running dockerd that is about to take a change.
type Dockerd struct {
	*host.Host
	Timeout time.Duration // of each wait
}

// Confirm asks dockerd until it shows the settings s. It fails after Timeout, or with the
// error of stale, which says that another program has changed daemon.json. If there is no
// connection, the error is *blocked.Unreachable.
func (d Dockerd) Confirm(ctx context.Context, s steps.Settings, flags commandline.Flags, stale func() error) (engine.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	client, err := d.Dial(flags)
	if err != nil {
		return engine.Info{}, err
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
		// The last answer before the timeout says more than "deadline exceeded".
		if last == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.Canceled) {
				return engine.Info{}, fmt.Errorf("confirm the change in dockerd: %w", context.Canceled)
			}
			return engine.Info{}, fmt.Errorf("dockerd did not take the change within %s: %w (journalctl -u %s says why)", d.Timeout, last, host.DockerUnit)
		case <-time.After(wait):
		}
	}
}
