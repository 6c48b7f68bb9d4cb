package transaction

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"runsc-provisioner/provision/await"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/host"
)

const (
	// endNoticedWithin limits the wait until systemd has noticed that dockerd has ended.
	endNoticedWithin = 5 * time.Second
	endNoticedPoll   = 20 * time.Millisecond
)

// Reload signals dockerd and waits until dockerd says that it has read daemon.json again.
// It never signals a dockerd that is still starting. mustTake names options that dockerd
// must take because a restart follows; the error is a *blocked.Refused if it refuses them.
// It is daemonfile.ErrStale once another program has written daemon.json.
func (t *Transaction) Reload(ctx context.Context, mustTake []string) error {
	unit, err := t.docker.WaitSettled(ctx)
	if err != nil {
		return err
	}
	if !unit.Running() {
		return &blocked.Unreachable{Object: unit.Name, Err: fmt.Errorf("is %s, and only an active unit can be reloaded", unit.ActiveState)}
	}
	if err := t.CheckStale(); err != nil {
		return err // the plan did not see the text that dockerd would load
	}
	r := await.Reload{Unit: unit, Flags: t.flags, Sent: time.Now()}
	watch, err := t.docker.dockerd().WatchReload(ctx, r)
	if err != nil {
		return err
	}
	defer watch.Close()
	failpoint.Here("reload: before the signal")
	t.pending, t.jobFailed, t.waitedOut = &r, false, false
	err = t.docker.Jobs.Reload(ctx, unit.Name)
	if errors.Is(err, ErrOutcomeUnknown) {
		// A second SIGHUP does no harm; a missing one would.
		err = t.docker.Jobs.Reload(ctx, unit.Name)
	}
	failpoint.Here("reload: signalled")
	if err != nil {
		t.jobFailed = ctx.Err() == nil && !errors.Is(err, ErrOutcomeUnknown)
		return fmt.Errorf("reload %s: %w", unit.Name, err)
	}
	outcome, err := watch.Wait(t.CheckStale)
	t.noteOutcome(ctx, outcome, err)
	switch {
	case outcome == await.Taken:
		t.docker.rememberReload(unit.InvocationID, t.currentText())
	case len(mustTake) > 0 && outcome == await.Refused:
		return blocked.Refuse(t.journal.File.Path, "dockerd refuses to load this text, and would not start with it; not loaded yet: %s (journalctl -u %s says why)",
			strings.Join(mustTake, ", "), unit.Name)
	case len(mustTake) > 0 && outcome == await.NoEvents:
		return &blocked.Unreachable{Object: unit.Name, Err: errors.New("dockerd reports no events, so nothing shows that it would start with " + strings.Join(mustTake, ", "))}
	}
	return err
}

// settleReload waits, for a bounded time, until it is known what became of a reload. A
// Reload may outlive a run that was interrupted or that gave up: dockerd searches for
// authorization plugins, and exits if it does not find them.
func (t *Transaction) settleReload(ctx context.Context) {
	if t.pending == nil || t.waitedOut {
		return
	}
	ctx = context.WithoutCancel(ctx)
	dockerd := t.docker.dockerd()
	if t.jobFailed {
		if !t.endsSoon(ctx) {
			t.pending = nil // systemd could not send the signal
			return
		}
		t.noteOutcome(ctx, await.Ended, nil)
		return
	}
	watch, err := dockerd.WatchReload(ctx, *t.pending)
	if err != nil {
		if dockerd.Ended(ctx, t.pending.Unit) {
			t.noteOutcome(ctx, await.Ended, nil)
		}
		return
	}
	defer watch.Close()
	outcome, err := watch.Wait(func() error { return nil })
	t.noteOutcome(ctx, outcome, err)
}

// endsSoon reports whether dockerd ends within a second: systemd's job also fails if
// dockerd ends during it, perhaps before its end can be seen.
func (t *Transaction) endsSoon(ctx context.Context) bool {
	return soon(time.Second, func() bool { return t.docker.Ended(ctx, t.pending.Unit) })
}

// noteOutcome notes what became of the pending reload. In the journal, it notes a dockerd
// that has ended: Docker is then down because of this program.
func (t *Transaction) noteOutcome(ctx context.Context, outcome await.Outcome, err error) {
	switch outcome {
	case await.Unknown:
		t.waitedOut = errors.Is(err, await.ErrPending)
		return
	case await.Ended:
		t.dockerEnded = true
		t.journal.Signalled = t.pending.Unit.InvocationID
		t.dockerKilled = t.awaitEndNoticed(ctx).Result == resultSignal
	}
	t.pending = nil
}

// resultSignal is the result of a service that a signal ended (systemd.exec(5)). dockerd ends by
// itself if a reload ends it, so another program sent that signal.
const resultSignal = "signal"

// awaitEndNoticed waits until systemd no longer takes a dockerd that has ended for running, and
// returns the unit then.
func (t *Transaction) awaitEndNoticed(ctx context.Context) (unit host.Unit) {
	before := t.pending.Unit
	soon(endNoticedWithin, func() bool {
		var err error
		unit, err = t.docker.Docker(context.WithoutCancel(ctx))
		return err != nil || !unit.Running() || unit.InvocationID != before.InvocationID
	})
	return unit
}

// soon reports whether a condition becomes true within a time.
func soon(within time.Duration, is func() bool) bool {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(endNoticedPoll) {
		if is() {
			return true
		}
	}
	return false
}
