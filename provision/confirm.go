package provision

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

// defaultConfirmWithin is how long dockerd may take to show a change: it takes
// 50 ms, and on a loaded host has been seen to need seconds.
const defaultConfirmWithin = 15 * time.Second

// confirmed is what dockerd said when it had taken a change.
type confirmed struct {
	invocation string // the start of docker.service that it belongs to
	info       engine.Info
}

// of is what was said if unit is still the one that said it, or else nil.
func (c *confirmed) of(unit host.Unit) *engine.Info {
	if c == nil || !unit.Running() || unit.InvocationID != c.invocation {
		return nil
	}
	return &c.info
}

// confirmed confirms what a plan for o has changed.
func (pr *Provisioner) confirmed(ctx context.Context, s plan.Settings, o host.Observed, t *transaction) (*confirmed, error) {
	info, err := pr.confirm(ctx, s, o.Flags, t.stale)
	if err != nil {
		return nil, err
	}
	return &confirmed{o.Unit.InvocationID, info}, nil
}

// Dockerd is a dockerd that is waited for.
type Dockerd struct {
	*host.Host
	Within time.Duration // the longest wait
}

// confirm asks dockerd until it shows what s wants, or time is up, or it cannot
// because daemon.json is stale.
func (pr *Provisioner) confirm(ctx context.Context, s plan.Settings, flags engine.Flags, stale func() error) (engine.Info, error) {
	within := pr.confirmWithin()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	client, err := pr.Dial(flags)
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
