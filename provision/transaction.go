package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/wayback"
)

const (
	// defaultRestartWithin bounds a restart of Docker, which has no limit of its
	// own (TimeoutStartSec=0).
	defaultRestartWithin = 2 * time.Minute
	// undoTimeout bounds the way back beside that, which a signal does not cut
	// short.
	undoTimeout = 2 * time.Minute
)

// transaction is one plan being carried out, with its journal on the disk.
type transaction struct {
	pr      *Provisioner
	flags   engine.Flags
	journal state.Journal
	old     []byte // daemon.json before
	written []byte // what it was given since; nil while it is as before
	// command is dockerd's command line, which texts are validated with.
	command []string
	// later is set in a run after the one that wrote the journal, with what that
	// run may do; nil is that run itself.
	recoveryOptions *plan.Options
	// hangs says that docker.service was waited for, and is still on its way.
	unitHangs bool
	// started says that the way back has started Docker: it does so once.
	startedDocker bool
}

// write replaces daemon.json.
func (t *transaction) write(s plan.WriteDaemonJSON) error {
	makes := !t.journal.File.InDir && daemonfile.DirGone(t.journal.File.Target)
	if err := t.replace(s.Old, s.New); err != nil {
		return err
	}
	t.journal.File.InDir = true
	if makes {
		if err := t.pr.State().NoteDir(t.journal.File.Target); err != nil {
			// Without the note a directory that comes too late is not told of; that is
			// not worth undoing the change for.
			t.pr.Logger().Debug("not noted that a directory was made", zap.Error(err))
		}
	}
	return t.pr.State().MarkBefore(t.journal.File.Path, s.New)
}

func (t *transaction) replace(old, text []byte) error {
	if err := t.journal.File.Replace(old, text); err != nil {
		return err
	}
	t.written = text
	return nil
}

// stale is errStale once somebody else has written daemon.json: what is waited
// for does not come then.
func (t *transaction) stale() error {
	if t == nil {
		return nil
	}
	return daemonfile.Unchanged(t.journal.File.Target, t.currentText())
}

// reload signals dockerd, but only one that has finished starting, and waits
// for dockerd's word that it has read daemon.json again.
func (t *transaction) reload(ctx context.Context) error {
	unit, err := t.pr.Settled(ctx)
	if err != nil {
		return err
	}
	if !unit.Running() {
		return &blocked.Unreachable{Object: unit.Name, Err: fmt.Errorf("is %s, and only an active one can be reloaded", unit.ActiveState)}
	}
	if err := t.stale(); err != nil {
		return err // what would be loaded is not what the plan has looked at
	}
	taken, err := t.pr.dockerd().WatchForReload(ctx, t.flags, t.stale)
	if err != nil {
		return blocked.DockerdSilent(err)
	}
	failpoint.Here("reload: before the signal")
	err = t.pr.Jobs.Reload(ctx, unit.Name)
	if errors.Is(err, ErrOutcomeUnknown) {
		// A second SIGHUP does no harm, a missing one would.
		err = t.pr.Jobs.Reload(ctx, unit.Name)
	}
	failpoint.Here("reload: signalled")
	if err != nil {
		return errors.Join(fmt.Errorf("reload %s: %w", unit.Name, err), taken(err))
	}
	if err := taken(nil); err != nil {
		return err
	}
	t.pr.rememberReload(unit.InvocationID, t.currentText())
	return nil
}

// currentText is what daemon.json has from this transaction.
func (t *transaction) currentText() []byte {
	if t.written == nil {
		return t.old
	}
	return t.written
}

// restart restarts Docker, marked in the journal beforehand: from then on only
// another restart brings back what was.
func (t *transaction) restart(ctx context.Context, s plan.Restart) error {
	unit, err := t.pr.Settled(ctx)
	if err != nil {
		return err
	}
	if !unit.Running() {
		return &blocked.Unreachable{Object: unit.Name, Err: fmt.Errorf("is %s, and is not started by this", unit.ActiveState)}
	}
	if err := t.checkContainers(ctx, s); err != nil {
		return err
	}
	if err := t.stale(); err != nil {
		return err
	}
	t.journal.Restarting = true
	if err := t.pr.State().WriteJournal(t.journal); err != nil {
		return err
	}
	failpoint.Here("restart: before the job")
	up, err := t.pr.bringUp(ctx, unit, t.pr.Jobs.Restart)
	failpoint.Here("restart: done")
	if err != nil {
		return err
	}
	t.journal.Restarted = up.InvocationID
	return t.pr.State().WriteJournal(t.journal)
}

// checkContainers refuses a restart that would stop, or with live-restore lose, a
// container that was not there when the plan was made.
func (t *transaction) checkContainers(ctx context.Context, s plan.Restart) error {
	client, err := t.pr.Dial(t.flags)
	if err != nil {
		return blocked.DockerdSilent(err)
	}
	defer client.Close()
	names, err := client.Names(ctx)
	if err != nil {
		return blocked.DockerdSilent(err)
	}
	for _, name := range names {
		if !slices.Contains(s.Stops, name) {
			return fmt.Errorf("container %s was started meanwhile, and nobody consented to what a restart does to it", name)
		}
	}
	return nil
}

// bringUp restarts or starts was, and waits until it is up.
func (pr *Provisioner) bringUp(ctx context.Context, was host.Unit, job func(context.Context, string) error) (host.Unit, error) {
	limited, cancel := context.WithTimeoutCause(ctx, pr.restartWithin(), fmt.Errorf("not up after %s", pr.restartWithin()))
	defer cancel()
	err := job(limited, was.Name)
	if limited.Err() != nil && ctx.Err() == nil {
		return host.Unit{}, fmt.Errorf("restart %s: %w", was.Name, context.Cause(limited))
	}
	if errors.Is(err, ErrOutcomeUnknown) {
		now, settleErr := pr.Settled(limited)
		switch {
		case settleErr != nil:
			return host.Unit{}, settleErr
		case now.Running() && (now.InvocationID != was.InvocationID || !was.Running()):
			return now, nil
		case now.ActiveState == "failed" && was.ActiveState != "failed":
			return host.Unit{}, fmt.Errorf("restart %s: it is %s (%s)", was.Name, now.ActiveState, now.Result)
		}
		err = job(limited, was.Name)
	}
	if err != nil {
		return host.Unit{}, fmt.Errorf("restart %s: %w", was.Name, err)
	}
	now, err := pr.Settled(limited)
	if err != nil {
		return host.Unit{}, err
	}
	if !now.Running() {
		return host.Unit{}, fmt.Errorf("restart %s: it is %s (%s)", was.Name, now.ActiveState, now.Result)
	}
	return now, nil
}

// fail ends the transaction after cause: everything is put back as it was, and
// the error says both what went wrong and what was done about it.
func (t *transaction) fail(ctx context.Context, cause error) error {
	now, err := t.journal.File.Text()
	if err == nil && errors.Is(cause, daemonfile.ErrStale) && !t.ours(now) && !t.journal.Restarting {
		// What is there is somebody else's, and stays. What is to be done about it
		// is seen by the next look.
		if t.written == nil {
			return errors.Join(cause, t.pr.State().CloseJournal())
		}
		return errors.Join(cause, t.pr.State().EndJournal())
	}
	if err == nil && bytes.Equal(now, t.old) && !t.journal.Restarting && !t.journal.Link.Changes {
		// Nothing was changed, or somebody else changed it back.
		if changed, err := t.engineChanged(ctx); err == nil && !changed {
			return errors.Join(cause, t.pr.State().EndJournal())
		}
	}
	said := t.pr.Said(ctx, t.journal.Started)
	t.pr.report(Event{Kind: RollingBack, Err: cause})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout+t.pr.restartWithin())
	defer cancel()
	// Should this run be killed now, the next one goes on with the way back.
	t.journal.Failed, t.journal.File.InDir = true, false
	restoreErr := errors.Join(t.pr.State().WriteJournal(t.journal), t.undo(ctx))
	if t.leftDown(ctx) {
		// The journal stays: the next run tries once more, and then sets it aside.
		return &DockerDown{Cause: cause, Restore: restoreErr, Said: said}
	}
	if restoreErr == nil {
		restoreErr = t.close(ctx)
	}
	return &RolledBack{Cause: cause, Restore: restoreErr, Said: said}
}

// close ends the transaction. What is left of a proof while Docker is down is
// noted for a later run.
func (t *transaction) close(ctx context.Context) error {
	if unit, err := t.pr.Units.Unit(context.WithoutCancel(ctx), host.DockerUnit); err != nil || !unit.Running() {
		if err := t.pr.State().KeepTrial(t.journal); err != nil {
			return err
		}
	}
	return t.pr.State().EndJournal()
}

// leftDown reports whether Docker is down because of us.
func (t *transaction) leftDown(ctx context.Context) bool {
	unit, err := t.pr.Settled(ctx)
	if err != nil && unit.Name == "" {
		return false
	}
	now, err := t.journal.File.Text()
	return err == nil && wayback.LeftDown(t.journal, wayback.Scene{Text: t.identify(now), Unit: unit, SameRun: t.recoveryOptions == nil})
}

// engineNow is what dockerd runs with now.
func (t *transaction) engineNow(ctx context.Context) (engine.Info, error) {
	client, err := t.pr.Dial(t.flags)
	if err != nil {
		return engine.Info{}, err
	}
	defer client.Close()
	// One that hangs must not hold up the way back, which no signal cuts short.
	ctx, cancel := context.WithTimeoutCause(ctx, host.EngineAnswerWithin, fmt.Errorf("no answer within %s", host.EngineAnswerWithin))
	defer cancel()
	return client.Info(ctx)
}

// engineChanged reports whether dockerd runs otherwise than before.
func (t *transaction) engineChanged(ctx context.Context) (bool, error) {
	unit, err := t.pr.Docker(ctx)
	if err != nil || !unit.Running() {
		return false, err
	}
	is, _, err := t.compareEngine(context.WithoutCancel(ctx), unit)
	return is == wayback.EngineNeedsReload || is == wayback.EngineNeedsRestart, err
}
