package provision

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"
)

const (
	// maxRounds bounds how often the host is observed again after a change. A
	// first apply needs three: install, the rest, and a look that finds nothing.
	maxRounds = 8
	// maxStale bounds how often somebody else may change daemon.json meanwhile.
	maxStale = 3
)

// Result says what Converge did.
type Result struct {
	Changed bool
	// Last is the plan that is left: no steps, but what is held and warned of.
	Last     Plan
	Observed Observed
}

// Converge observes, plans and applies until nothing is left to do. A Result
// with Last.Held is one that more consent would take further. The caller holds
// the lock (Host.Lock).
func (h *Host) Converge(ctx context.Context, c Config, opts Options) (Result, error) {
	var result Result
	stale := 0
	for range maxRounds {
		observed, err := h.Observe(ctx)
		if err != nil {
			return result, err
		}
		plan, err := NewPlan(c, observed, opts)
		if err != nil {
			return result, err
		}
		h.log().Debug("planned", zap.Int("steps", len(plan.Steps)), zap.Stringer("disruption", plan.Disruption()))
		result.Last, result.Observed = plan, observed
		if plan.Empty() {
			return result, nil
		}
		h.report(Event{Kind: PlanMade, Plan: plan})
		err = h.apply(ctx, plan, observed)
		if errors.Is(err, errStale) {
			if stale++; stale < maxStale {
				continue
			}
			return result, fmt.Errorf("%s: %w", observed.File.Path, ErrBusy)
		}
		if err != nil {
			return result, err
		}
		result.Changed = true
		opts.Upgrade = false
	}
	return result, fmt.Errorf("%w: still to do: %s", ErrBusy, result.Last.Steps[0].Object())
}
