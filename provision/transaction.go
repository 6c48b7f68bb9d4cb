package provision

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/await"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
)

const (
	// defaultRestartWithin bounds a restart of Docker.
	defaultRestartWithin = 2 * time.Minute
	// undoTimeout bounds the rest of the way back, which a signal does not cut short.
	undoTimeout = 2 * time.Minute
)

// transaction is one plan that is being carried out, with its journal on disk.
type transaction struct {
	pr      *Provisioner
	flags   commandline.Flags
	command []string // dockerd's command line, for validations
	journal state.Journal
	old     []byte // daemon.json before the transaction
	written []byte // the last text that this run wrote to daemon.json; nil if none
	// recoveryOptions say what a later run may do; nil in the run that wrote the journal.
	recoveryOptions *plan.Options
	unitHangs       bool // docker.service did not settle in time
	startedDocker   bool // on the way back, which starts Docker only once
	// pending is a reload with an unknown outcome; nil if there is none.
	pending     *await.Reload
	jobFailed   bool // pending may never have reached dockerd
	dockerEnded bool // on a reload
	waitedOut   bool // pending was awaited as long as a reload may take
	// kept are the runtimes that keep their new definition in another program's text.
	kept []string
}

// write replaces daemon.json.
func (t *transaction) write(s steps.WriteDaemonJSON) error {
	makesDir := !t.journal.File.DirExisted && daemonfile.DirMissing(t.journal.File.Target)
	if err := t.replace(s.Old, s.New); err != nil {
		return err
	}
	t.journal.File.DirExisted = true
	if makesDir {
		if err := t.pr.State().NoteMadeDir(t.journal.File.Target); err != nil {
			// Without the note, a directory that comes too late is not reported. That is no
			// reason to undo the change.
			t.pr.Logger().Debug("not recorded: a directory was made", zap.Error(err))
		}
	}
	return t.pr.State().NoteWritten(t.journal.File.Path, s.New)
}

func (t *transaction) replace(old, text []byte) error {
	if err := t.journal.File.Replace(old, text); err != nil {
		return err
	}
	t.written = text
	return nil
}

// checkStale returns daemonfile.ErrStale once another program has written daemon.json: a
// wait for our settings would be in vain. t may be nil.
func (t *transaction) checkStale() error {
	if t == nil {
		return nil
	}
	return daemonfile.Unchanged(t.journal.File.Target, t.currentText())
}

// currentText is what daemon.json contains unless another program has changed it.
func (t *transaction) currentText() []byte {
	if t.written == nil {
		return t.old
	}
	return t.written
}

// restart restarts Docker. It first marks the restart in the journal: from then on only
// another restart can undo the change.
func (t *transaction) restart(ctx context.Context, s steps.Restart) error {
	unit, err := t.pr.WaitSettled(ctx)
	if err != nil {
		return err
	}
	if !unit.Running() {
		return blocked.NotRunning(unit.Name, unit.ActiveState)
	}
	if err := t.checkContainers(ctx, s); err != nil {
		return err
	}
	t.journal.Restarting = true
	if err := t.pr.State().WriteJournal(t.journal); err != nil {
		return err
	}
	failpoint.Here("restart: before the job")
	if err := t.checkStale(); err != nil {
		// The plan did not see the text that dockerd would load.
		t.journal.Restarting = false
		return errors.Join(err, t.pr.State().WriteJournal(t.journal))
	}
	up, err := t.pr.bringUp(ctx, unit, t.pr.Jobs.Restart)
	failpoint.Here("restart: done")
	if err != nil {
		return err
	}
	t.journal.Restarted = up.InvocationID
	return t.pr.State().WriteJournal(t.journal)
}

// checkContainers refuses a restart that would stop a container that the plan does not
// name, or lose it with live-restore.
func (t *transaction) checkContainers(ctx context.Context, s steps.Restart) error {
	names, err := t.pr.runningContainers(ctx, t.flags)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains(s.Stops, name) {
			return fmt.Errorf("container %s was started meanwhile, and your consent to a restart does not cover it", name)
		}
	}
	return nil
}

func (pr *Provisioner) restartWithin() time.Duration {
	return cmp.Or(pr.RestartWithin, defaultRestartWithin)
}

// bringUp runs the job that starts or restarts a unit, and waits until the unit is up.
func (pr *Provisioner) bringUp(ctx context.Context, before host.Unit, job func(context.Context, string) error) (host.Unit, error) {
	limited, cancel := context.WithTimeoutCause(ctx, pr.restartWithin(), fmt.Errorf("not up after %s", pr.restartWithin()))
	defer cancel()
	err := job(limited, before.Name)
	if limited.Err() != nil && ctx.Err() == nil {
		return host.Unit{}, fmt.Errorf("restart %s: %w", before.Name, context.Cause(limited))
	}
	notUp := func(unit host.Unit) error {
		return fmt.Errorf("restart %s: it is %s (%s)", before.Name, unit.ActiveState, unit.Result)
	}
	if errors.Is(err, ErrOutcomeUnknown) {
		unit, settleErr := pr.WaitSettled(limited)
		switch {
		case settleErr != nil:
			return host.Unit{}, settleErr
		case unit.Running() && (unit.InvocationID != before.InvocationID || !before.Running()):
			return unit, nil
		case unit.ActiveState == "failed" && before.ActiveState != "failed":
			return host.Unit{}, notUp(unit)
		}
		err = job(limited, before.Name)
	}
	if err != nil {
		return host.Unit{}, fmt.Errorf("restart %s: %w", before.Name, err)
	}
	unit, err := pr.WaitSettled(limited)
	if err == nil && !unit.Running() {
		err = notUp(unit)
	}
	return unit, err
}

// fail ends the transaction after cause and puts everything back. The error says what went
// wrong and what was done about it: *RolledBack, *DockerDown, or cause if nothing had to be
// put back.
func (t *transaction) fail(ctx context.Context, cause error) error {
	t.settleReload(ctx)
	ended, unsettled := t.journal.Signalled != "", t.pending != nil
	current, err := t.journal.File.Text()
	if err == nil && errors.Is(cause, daemonfile.ErrStale) && !t.isOurs(current) && !ended && !unsettled &&
		(!t.journal.Restarting || t.keepsRestart(ctx, current)) {
		return t.leaveStale(ctx, cause, current)
	}
	if err == nil && bytes.Equal(current, t.old) && !t.journal.Restarting && !t.journal.Link.Changes && !ended && !unsettled {
		// Nothing was changed, or another program changed it back.
		if changed, err := t.engineChanged(ctx); err == nil && !changed {
			return errors.Join(cause, t.pr.State().FinishJournal())
		}
	}
	said := t.pr.DockerErrors(ctx, t.journal.Started)
	t.pr.report(Event{Kind: RollingBack, Err: cause})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout+t.pr.restartWithin())
	defer cancel()
	// If this run is killed now, the next one continues the way back.
	t.journal.Failed, t.journal.File.DirExisted = true, false
	restoreErr := errors.Join(t.pr.State().WriteJournal(t.journal), t.undo(ctx))
	if t.pending != nil {
		restoreErr = errors.Join(restoreErr, await.ErrPending)
	}
	if t.leftDown(ctx) {
		// The journal stays: the next run tries once more, and then sets it aside.
		return &DockerDown{Cause: cause, Restore: restoreErr, Left: t.left(ctx), Said: said, DockerEnded: t.dockerEnded}
	}
	back := &RolledBack{Cause: cause, Restore: restoreErr, Said: said, DockerEnded: t.dockerEnded}
	if unit, err := t.pr.Docker(ctx); err == nil && !unit.Running() && t.journal.Engine != nil {
		back.DockerState = unit.ActiveState
	}
	if restoreErr == nil {
		back.Restore = t.close(ctx)
	}
	if back.Restore != nil {
		back.Left = t.left(ctx)
	}
	return back
}

// close ends the transaction. If Docker is down, it records the leftovers of a proof for a
// later run.
func (t *transaction) close(ctx context.Context) error {
	if unit, err := t.pr.Units.Unit(context.WithoutCancel(ctx), host.DockerUnit); err != nil || !unit.Running() {
		if err := t.pr.State().NoteTrial(t.journal); err != nil {
			return err
		}
	}
	return t.pr.State().FinishJournal()
}
