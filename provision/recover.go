package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/failpoint"
)

// Recover finishes or reverts what a run that was killed has left, and returns
// in a few words what it did; nothing where there was nothing to do. The caller
// holds the lock.
//
// A text of ours that a reload brings into effect is finished: dockerd has been
// validated against it, and what depends on a proof was written after the
// proof. Whatever would need one more restart is reverted.
func (h *Host) Recover(ctx context.Context) (did string, err error) {
	j, found, err := h.readJournal()
	if err != nil || !found {
		return "", err
	}
	h.log().Debug("journal of a run that did not end", zap.Time("started", j.Started), zap.Int("pid", j.PID))
	unit, err := h.settled(ctx)
	if err != nil {
		return "", err
	}
	_, flags, err := h.observeFlags(unit)
	if err != nil {
		return "", err
	}
	t := &transaction{host: h, flags: flags, j: j}
	if unit.Running() && j.Trial != "" {
		if err := t.removeTrial(ctx); err != nil {
			return "", err
		}
	}
	now, err := j.File.text()
	if err != nil {
		return "", err
	}
	if t.old, err = h.before(j); err != nil {
		if digestOf(now) == j.File.Was {
			t.old = now
		} else {
			return "", fmt.Errorf("the copy of %s that a killed run made is lost: look at the file, then remove %s: %w", j.File.Path, h.journalPath(), err)
		}
	}
	did, err = t.settleFile(ctx, unit, now)
	if err != nil {
		return "", err
	}
	failpoint.Here("recover: done")
	return did, h.end()
}

// recover is Recover, and tells of what it did.
func (h *Host) recover(ctx context.Context) (changed bool, err error) {
	// What was begun before is finished or reverted whole, or has the next run do
	// it all over again. It is bounded as the way back of a run is.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin+h.restartWithin())
	defer cancel()
	did, err := h.Recover(ctx)
	if err != nil || did == "" {
		return false, err
	}
	h.report(Event{Kind: Recovered, Seen: did})
	return true, nil
}

func (t *transaction) settleFile(ctx context.Context, unit Unit, now []byte) (did string, err error) {
	const reverted = "a run that was killed is undone"
	switch {
	case !t.ours(now):
		return fmt.Sprintf("a run was killed, and somebody else has changed %s since: it is left as it is", t.j.File.Path), nil
	case t.j.Failed:
		return reverted, t.back(ctx)
	case bytes.Equal(now, t.old) && unit.Running() == (t.j.Engine != nil):
		changed, err := t.engineChanged(ctx)
		if err != nil || !changed {
			return "a run was killed before it changed anything in Docker", err
		}
		return reverted, t.back(ctx)
	case slices.Contains(t.j.File.Later, digestOf(now)) && unit.Running():
		if done, err := t.finish(ctx, now); err != nil || done {
			return "a run that was killed is finished", err
		}
		return reverted, t.back(ctx)
	case slices.Contains(t.j.File.Later, digestOf(now)) && t.j.Engine == nil:
		return "a run was killed after it had done its work", nil
	default:
		return reverted, t.back(ctx)
	}
}

// finish has dockerd run with the text that daemon.json has, and reports false
// where a reload is not enough for that.
func (t *transaction) finish(ctx context.Context, now []byte) (done bool, err error) {
	doc, err := daemonjson.Parse(now)
	if err != nil {
		return false, err
	}
	want := Confirm{Runtimes: map[string]daemonjson.Runtime{}}
	for _, name := range t.j.Runtimes {
		if r, has := doc.Runtimes()[name]; has {
			want.Runtimes[name] = r
		}
	}
	want.Default, _ = doc.DefaultRuntime()
	if t.j.Engine == nil {
		// Docker was started meanwhile, from this text.
		return true, nil
	}
	// An old text that cannot be read counts as one without the key.
	if old, _ := daemonjson.Parse(t.old); remapIn(doc) != remapIn(old) {
		want.Remap = remapOf(remapIn(doc) != "")
	}
	if info, err := t.engineNow(ctx); err != nil || want.Remap != RemapAny && want.Remap != remapOf(info.UsernsRemap) {
		return false, err
	}
	t.wrote = now
	if err := t.reload(ctx); err != nil {
		if errors.Is(err, context.Canceled) {
			return false, err
		}
		t.host.log().Debug("a reload did not finish it", zap.Error(err))
		return false, nil
	}
	if _, err := t.host.confirm(ctx, want, t.flags, t.stale); err != nil {
		if errors.Is(err, context.Canceled) {
			return false, err
		}
		t.host.log().Debug("dockerd does not show it", zap.Error(err))
		return false, nil
	}
	return true, nil
}

// removeTrial removes what is left of a proof through Docker.
func (t *transaction) removeTrial(ctx context.Context) error {
	client, err := t.host.dial(t.flags)
	if err != nil {
		return &OutOfReach{Object: "dockerd", Err: err}
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := client.RemoveTrial(ctx, t.j.Trial); err != nil {
		return &OutOfReach{Object: "dockerd", Err: err}
	}
	return nil
}
