package transaction

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/await"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/dockerlog"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/trial"
	"runsc-provisioner/provision/wayback"
)

// undoTimeout bounds the rest of the way back, which a signal does not cut short.
const undoTimeout = 2 * time.Minute

// Transaction is one plan that is being carried out, with its journal on disk.
type Transaction struct {
	docker  *Docker
	flags   commandline.Flags
	command []string // dockerd's command line, for validations
	journal state.Journal
	old     []byte // daemon.json before the transaction
	written []byte // the last text that this run wrote to daemon.json; nil if none
	// recoveryOptions say what a later run may do; nil in the run that wrote the journal.
	recoveryOptions *plan.Options
	// buildsFinished says that a killed run had done all that it wanted with builds.
	buildsFinished bool
	unitHangs      bool // docker.service did not settle in time
	startedDocker  bool // on the way back, which starts Docker only once
	// pending is a reload with an unknown outcome; nil if there is none.
	pending     *await.Reload
	jobFailed   bool // pending may never have reached dockerd
	dockerEnded bool // on a reload
	// dockerKilled says that another program ended it with a signal.
	dockerKilled bool
	waitedOut    bool // pending was awaited as long as a reload may take
	// kept are the runtimes that keep their new definition in another program's text.
	kept []string
}

// Begin writes the journal of p, which is planned for o. runtimes are the names of the
// runtimes that the configuration manages. The change begins with it: end it by Finish or
// Fail.
func Begin(d *Docker, p plan.Plan, o host.Observed, runtimes []string) (*Transaction, error) {
	t := &Transaction{docker: d, flags: o.Flags, command: o.Command, old: o.File.Bytes}
	t.journal = wayback.NewJournal(p, o, runtimes, trial.Prefix+strings.ToLower(rand.Text()))
	failpoint.Here("journal: before it is begun")
	return t, d.State().Journal().Begin(&t.journal, t.old)
}

// Trial is the name in Docker of a proof's container and image. The journal has it, so what
// a killed proof leaves is found.
func (t *Transaction) Trial() string { return t.journal.Trial }

// Write replaces daemon.json. If it no longer has the bytes that the plan saw, nothing is
// written, and the error is daemonfile.ErrStale.
//
// A nil text removes the file.
func (t *Transaction) Write(s steps.WriteDaemonJSON) error {
	if s.New == nil {
		t.written = []byte{}
		return t.journal.File.Remove(s.Old)
	}
	makesDir := !t.journal.File.DirExisted && daemonfile.DirMissing(t.journal.File.Target)
	if err := t.replace(s.Old, s.New); err != nil {
		return err
	}
	t.journal.File.DirExisted = true
	if makesDir {
		if err := t.docker.State().NoteMadeDir(t.journal.File.Target); err != nil {
			// Without the note, a directory that comes too late is not reported. That is no
			// reason to undo the change.
			t.docker.Logger().Debug("not recorded: a directory was made", zap.Error(err))
		}
	}
	return t.docker.State().Before().NoteWritten(t.journal.File.Path, s.New)
}

func (t *Transaction) replace(old, text []byte) error {
	if err := t.journal.File.Replace(old, text); err != nil {
		return err
	}
	t.written = text
	return nil
}

// CheckStale returns daemonfile.ErrStale once another program has written daemon.json: a
// wait for our settings would be in vain. t may be nil.
func (t *Transaction) CheckStale() error {
	if t == nil {
		return nil
	}
	return daemonfile.Unchanged(t.journal.File.Target, t.currentText())
}

// currentText is what daemon.json contains unless another program has changed it.
func (t *Transaction) currentText() []byte {
	if t.written == nil {
		return t.old
	}
	return t.written
}

// Restart restarts Docker. It first marks the restart in the journal: from then on only
// another restart can undo the change. It restarts nothing, and returns an error, if Docker
// does not run (*blocked.Unreachable), if a container runs that s does not name, or if
// another program has written daemon.json (daemonfile.ErrStale).
func (t *Transaction) Restart(ctx context.Context, s steps.Restart) error {
	unit, err := t.docker.WaitSettled(ctx)
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
	if err := t.docker.State().Journal().Write(t.journal); err != nil {
		return err
	}
	failpoint.Here("restart: before the job")
	if err := t.CheckStale(); err != nil {
		// The plan did not see the text that dockerd would load.
		t.journal.Restarting = false
		return errors.Join(err, t.docker.State().Journal().Write(t.journal))
	}
	up, err := t.docker.bringUp(ctx, unit, t.docker.Jobs.Restart)
	failpoint.Here("restart: done")
	if err != nil {
		return err
	}
	t.journal.Restarted = up.InvocationID
	return t.docker.State().Journal().Write(t.journal)
}

// checkContainers refuses a restart that would stop a container that the plan does not
// name, or lose it with live-restore.
func (t *Transaction) checkContainers(ctx context.Context, s steps.Restart) error {
	if s.Keeps {
		return nil
	}
	names, err := t.docker.runningContainers(ctx, t.flags)
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

// Info asks dockerd for its settings, for at most host.EngineAnswerWithin. The error is
// *blocked.Unreachable.
func (t *Transaction) Info(ctx context.Context) (info engine.Info, err error) {
	// A dockerd that hangs must not hold up the way back: no signal cuts that short.
	ctx, cancel := context.WithTimeoutCause(ctx, host.EngineAnswerWithin, fmt.Errorf("no answer within %s", host.EngineAnswerWithin))
	defer cancel()
	err = t.docker.WithClient(t.flags, func(client *engine.Client) error {
		if info, err = client.Info(ctx); err != nil {
			return blocked.DockerdSilent(err)
		}
		return nil
	})
	return info, err
}

// Fail ends the transaction after cause and puts everything back. The error says what went
// wrong and what was done about it: *RolledBack, *DockerDown, or cause if nothing had to be
// put back.
func (t *Transaction) Fail(ctx context.Context, cause error) error {
	t.settleReload(ctx)
	ended, unsettled := t.journal.Signalled != "", t.pending != nil
	current, err := t.journal.File.Text()
	if err == nil && errors.Is(cause, daemonfile.ErrStale) && !t.isOurs(current) && !ended && !unsettled &&
		(!t.journal.Restarting || t.keepsRestart(ctx, current)) {
		return t.leaveStale(ctx, cause, current)
	}
	if err == nil && bytes.Equal(current, t.old) && !t.journal.Restarting && !t.journal.Link.Changes && t.journal.Builds == nil && !ended && !unsettled {
		// Nothing was changed, or another program changed it back.
		if changed, err := t.engineChanged(ctx); err == nil && !changed {
			return errors.Join(cause, t.docker.State().Journal().Finish())
		}
	}
	said := dockerlog.Errors(ctx, t.docker.Host, t.journal.Started)
	t.docker.rollingBack(cause)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout+t.docker.restartWithin())
	defer cancel()
	// If this run is killed now, the next one continues the way back.
	t.journal.Failed, t.journal.File.DirExisted = true, false
	restoreErr := errors.Join(t.docker.State().Journal().Write(t.journal), t.undo(ctx))
	if t.pending != nil {
		restoreErr = errors.Join(restoreErr, await.ErrPending)
	}
	if t.leftDown(ctx) {
		// The journal stays: the next run tries once more, and then sets it aside.
		return &DockerDown{Cause: cause, Restore: restoreErr, Left: t.left(ctx), Said: said, DockerEnded: t.dockerEnded, DockerKilled: t.dockerKilled}
	}
	back := &RolledBack{Cause: cause, Restore: restoreErr, Said: said, DockerEnded: t.dockerEnded, DockerKilled: t.dockerKilled}
	if unit, err := t.docker.Docker(ctx); err == nil && !unit.Running() && t.journal.Engine != nil {
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

// Finish ends the transaction: all that it changed stays.
func (t *Transaction) Finish() error { return t.docker.State().Journal().Finish() }

// close ends the transaction after a way back or a recovery. If Docker is down, it records
// the leftovers of a proof for a later run.
func (t *Transaction) close(ctx context.Context) error {
	if unit, err := t.docker.Units.Unit(context.WithoutCancel(ctx), host.DockerUnit); err != nil || !unit.Running() {
		if err := t.docker.State().NoteTrial(t.journal); err != nil {
			return err
		}
	}
	return t.docker.State().Journal().Finish()
}
