package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
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
func (c *confirmed) of(unit Unit) *engine.Info {
	if c == nil || !unit.Running() || unit.InvocationID != c.invocation {
		return nil
	}
	return &c.info
}

// confirmed confirms what a plan for o has changed.
func (pr *Provisioner) confirmed(ctx context.Context, s Settings, o Observed, t *transaction) (*confirmed, error) {
	info, err := pr.confirm(ctx, s, o.Flags, t.stale)
	if err != nil {
		return nil, err
	}
	return &confirmed{o.Unit.InvocationID, info}, nil
}

// confirm asks dockerd until it shows what s wants, or time is up, or it cannot
// because daemon.json is stale.
func (pr *Provisioner) confirm(ctx context.Context, s Settings, flags engine.Flags, stale func() error) (engine.Info, error) {
	within := pr.confirmWithin()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	client, err := pr.dial(flags)
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
			return engine.Info{}, fmt.Errorf("dockerd did not take the change within %s: %w (journalctl -u %s says why)", within, last, DockerUnit)
		case <-time.After(wait):
		}
	}
}

// missing is nil when dockerd runs as s wants, or says what differs.
func (s Settings) Missing(info engine.Info) error {
	for _, name := range slices.Sorted(maps.Keys(s.Runtimes)) {
		want := s.Runtimes[name]
		got, known := info.Runtimes[name]
		switch {
		case !known:
			return fmt.Errorf("it knows no runtime %s", name)
		case got.Path != want.Path:
			return fmt.Errorf("its runtime %s runs %s, not %s", name, got.Path, want.Path)
		case !slices.Equal(got.Args, want.Args):
			return fmt.Errorf("its runtime %s has the arguments %q, not %q", name, strings.Join(got.Args, " "), strings.Join(want.Args, " "))
		}
	}
	for _, name := range s.Without {
		if _, known := info.Runtimes[name]; known {
			return fmt.Errorf("it still knows the runtime %s", name)
		}
	}
	if err := lost(s.Keeps, info); err != nil {
		return err
	}
	if s.Default != "" && info.DefaultRuntime != s.Default {
		return fmt.Errorf("its default runtime is %s, not %s", info.DefaultRuntime, s.Default)
	}
	if s.Remap != config.RemapAny && s.Remap != config.RemapOf(info.UsernsRemap) {
		return fmt.Errorf("its userns-remap is %s, not %s", config.RemapOf(info.UsernsRemap), s.Remap)
	}
	if s.Root != "" && info.RootDir != s.Root {
		return fmt.Errorf("its data is in %s, not in %s", info.RootDir, s.Root)
	}
	return nil
}
