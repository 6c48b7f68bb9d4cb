package provision

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"runsc-provisioner/provision/blocked"

	"go.uber.org/zap"
)

// trials are the names of containers of proofs that could not be removed when
// their journal was closed: Docker was down.
func (h *Host) trials() memory { return memory{filepath.Join(h.Paths.State, "trials")} }

func (h *Host) keepTrial(j journal) error {
	if j.Trial == "" || j.trialGone {
		return nil
	}
	if err := h.trials().add(j.Trial); err != nil {
		return fmt.Errorf("note the container %s: %w", j.Trial, err)
	}
	return nil
}

// removeTrial removes what is left of a proof through Docker.
func (t *transaction) removeTrial(ctx context.Context, name string) error {
	client, err := t.host.dial(t.flags)
	if err != nil {
		return blocked.DockerdSilent(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return client.RemoveTrial(ctx, name)
}

// clearTrials removes what is left of proofs whose journal was closed while
// Docker was down. What cannot be removed now is tried again by the next run.
func (h *Host) clearTrials(ctx context.Context) error {
	names := h.trials().keys()
	if len(names) == 0 {
		return nil
	}
	unit, err := h.settled(ctx)
	if err != nil || !unit.Running() {
		return err
	}
	_, flags, err := h.observeFlags(unit)
	if err != nil {
		return err
	}
	t := &transaction{host: h, flags: flags}
	for _, name := range names {
		if err := t.removeTrial(ctx, name); err != nil {
			h.log().Debug("what is left of a proof", zap.String("name", name), zap.Error(err))
			return ctx.Err()
		}
		if err := h.trials().forget(name); err != nil {
			return err
		}
	}
	return nil
}
