package transaction

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/dockerlog"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/wayback"
)

// Recovery is the result of settling a killed run's change. It is zero if there was none.
type Recovery struct {
	Did   string                // what was done, in a few words; "" if it was set aside
	Aside *state.FailedRecovery // the recovery that failed, or nil
}

// Recover finishes or reverts the change of a killed run. opts say what it may do to
// Docker, as for a plan. The caller holds the lock.
//
// A signal does not cut it short once it has begun: the next run would have to repeat all
// of it. It is bounded like the way back of a run.
//
// If daemon.json has a text of ours that a reload can apply, the change is finished:
// dockerd has validated the text, and what depends on a proof was written after the proof.
// A change that needs another restart is reverted. If neither works, the journal is set
// aside after one try, and the next plan starts from the host as it is. The error is
// *DockerDown if Docker is down because of that change. After any other error the journal
// is kept for the next run, or is of a newer version (*blocked.Refused).
func Recover(ctx context.Context, d *Docker, opts plan.Options) (Recovery, error) {
	if ctx.Err() != nil {
		return Recovery{}, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout+d.restartWithin())
	defer cancel()
	j, found, err := d.State().Journal().Read()
	switch {
	case d.setsAside(err):
		return d.setUnreadableAside(ctx, j, err)
	case err != nil:
		return Recovery{}, err
	case !found:
		return Recovery{}, d.removeOldTrials(ctx)
	}
	d.Logger().Debug("found the journal of a killed run", zap.Time("started", j.Started), zap.Int("pid", j.PID))
	unit, err := d.WaitSettled(ctx)
	if err != nil && unit.Name == "" {
		return Recovery{}, err
	}
	hangs := err != nil
	if hangs {
		unit.MainPID = 0 // it may be another process, which dockerd waits for
	}
	command, flags, err := d.CommandLine(unit)
	if err != nil {
		return Recovery{}, err
	}
	t := &Transaction{docker: d, flags: flags, command: command, journal: j, recoveryOptions: &opts, unitHangs: hangs}
	did, err := t.recover(ctx)
	switch {
	case err == nil:
		failpoint.Here("recover: done")
		return Recovery{Did: did}, t.close(ctx)
	case errors.Is(err, errForeign) && t.leftDown(ctx):
		// The text cannot be read. The journal stays until it can.
		return Recovery{}, &DockerDown{Cause: err, Left: t.left(ctx), Said: dockerlog.Errors(ctx, d.Host, j.Started)}
	case keepsJournal(err):
		return Recovery{}, err
	}
	aside, asideErr := d.setAside(t.journal, err)
	if asideErr != nil {
		return aside, asideErr
	}
	if t.leftDown(ctx) {
		return aside, d.downAfterSetAside(ctx, aside, err, t.left(ctx), j.Started)
	}
	return aside, nil
}

// setsAside reports whether a journal is set aside that was read with err. Only a newer
// version knows what it began, so a run that a person started refuses its journal. The daemon
// sets that aside too, because it must not stop enforcing.
func (d *Docker) setsAside(err error) bool {
	var newer *blocked.Refused
	return errors.Is(err, state.ErrJournalUnreadable) || d.NewerAside && errors.As(err, &newer)
}

// setUnreadableAside sets aside a journal that cannot be read. Nothing then says whether its change has left Docker
// down, so a Docker that has failed or does not come up is reported as down. A stopped one was stopped by the user.
func (d *Docker) setUnreadableAside(ctx context.Context, j state.Journal, cause error) (Recovery, error) {
	aside, err := d.setAside(j, cause)
	if err != nil {
		return aside, err
	}
	unit, err := d.WaitSettled(ctx)
	if err != nil && unit.Name == "" {
		return aside, err
	}
	if unit.ActiveState == "failed" || unit.Changing() {
		return aside, d.downAfterSetAside(ctx, aside, cause, Left{}, unit.Started)
	}
	return aside, nil
}

// downAfterSetAside is the error of a recovery that failed with cause, was set aside, and left Docker down. since is
// when Docker began to log why.
func (d *Docker) downAfterSetAside(ctx context.Context, aside Recovery, cause error, left Left, since time.Time) error {
	if left.Aside = aside.Aside.Path; left.Copy != "" {
		left.Copy = filepath.Join(left.Aside, "daemon.json") // never rotated away
	}
	down := &DockerDown{Left: left, Cause: fmt.Errorf("an unfinished change could not be undone: %w (set aside in %s)", cause, aside.Aside.Path)}
	if !since.IsZero() {
		down.Said = dockerlog.Errors(ctx, d.Host, since)
	}
	return down
}

// keepsJournal reports whether the next run repeats a recovery that ended with err: it was
// interrupted, Docker or systemd did not answer, the host kept changing, the disk was full,
// read-only or broken, or another program's daemon.json cannot be read.
func keepsJournal(err error) bool {
	var unreachable *blocked.Unreachable
	var errno syscall.Errno
	if errors.As(err, &errno) && slices.Contains([]syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO}, errno) {
		return true
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, errForeign) || errors.As(err, &unreachable) || errors.Is(err, ErrBusy)
}

// setAside moves the journal away after a recovery that failed with cause.
func (d *Docker) setAside(j state.Journal, cause error) (Recovery, error) {
	err := d.State().Before().Settle()
	if err == nil {
		var aside state.FailedRecovery
		if aside, err = d.State().SetAside(j, cause); err == nil {
			return Recovery{Aside: &aside}, nil
		}
	}
	return Recovery{}, errors.Join(cause, err)
}

// recover settles the change of a killed run on the host as it is now.
func (t *Transaction) recover(ctx context.Context) (did string, err error) {
	if path := t.docker.DaemonJSON(t.flags); !t.journal.File.Matches(path) {
		return "", fmt.Errorf("the journal is for %s (%s), and dockerd reads %s", t.journal.File.Path, t.journal.File.Target, path)
	}
	current, err := t.journal.File.Text()
	if err != nil {
		return "", err
	}
	if t.old, err = t.docker.State().Journal().BackupText(t.journal); err != nil {
		if durable.Digest(current) != t.journal.File.OldDigest {
			return "", fmt.Errorf("the copy of the old %s is lost: %w", t.journal.File.Path, err)
		}
		t.old = current
	}
	if err := t.settleBuilds(ctx); err != nil {
		return "", err
	}
	for range maxStale {
		s, err := t.observe(ctx)
		if err != nil {
			return "", err
		}
		if did, err = t.settle(ctx, s); err == nil {
			return did, nil
		}
		if !t.hostMoved(ctx, s, err) {
			return "", err
		}
	}
	return "", fmt.Errorf("%s: %w", t.journal.File.Path, ErrBusy)
}

// settle removes the leftovers of a proof, and then finishes or reverts the change.
func (t *Transaction) settle(ctx context.Context, s wayback.Scene) (did string, err error) {
	if s.Unit.Running() && t.journal.Trial != "" && !t.journal.TrialGone {
		if err := t.docker.removeTrial(ctx, t.flags, t.journal.Trial); err != nil {
			return "", err
		}
		t.journal.TrialGone = true
	}
	switch w := wayback.Decide(t.journal, s); {
	case w == wayback.Leave && s.Carry == wayback.CarriesUnknown:
		return "", t.foreignLeft(s)
	case w == wayback.Leave && (s.Text == wayback.TextForeign || s.Text == wayback.TextMerged):
		return fmt.Sprintf("a run was killed; another program has changed %s since, and it is left as it is", t.journal.File.Path), nil
	case w == wayback.Leave:
		return "a run was killed after it had completed its change", nil
	case w == wayback.RestoreFile && s.Text == wayback.TextOld && s.Engine == wayback.EngineRestored && t.buildsFinished && !t.journal.Link.Changes:
		return "finished the change of a killed run", nil
	case w == wayback.RestoreFile && s.Text == wayback.TextOld && s.Engine == wayback.EngineRestored && !t.journal.Failed && t.journal.Builds == nil:
		return "a run was killed before it changed anything in Docker", nil
	case w == wayback.Finish:
		if done, err := t.finishByReload(ctx); err != nil || done {
			return "finished the change of a killed run", err
		}
		if s, err = t.observe(ctx); err != nil {
			return "", err
		}
		s.Refused = true
	}
	failpoint.Here("recover: the way back")
	if err := t.goBack(ctx, wayback.Decide(t.journal, s), s); err != nil {
		return "", err
	}
	failpoint.Here("back: docker is as before")
	did = "undid the change of a killed run"
	if s.Text == wayback.TextForeign {
		did = fmt.Sprintf("a run was killed; another program has changed %s since, and the run's settings were taken out of it", t.journal.File.Path)
	}
	return did, errors.Join(t.restoreProgram(), t.restoreLink(), t.explainKept())
}

// settleBuilds keeps a change of builds that is complete. Any other is taken back as far as the drop-in: no start of
// Docker shall load it.
func (t *Transaction) settleBuilds(ctx context.Context) error {
	if t.journal.Builds == nil {
		return nil
	}
	unit, err := t.docker.Docker(ctx)
	if err != nil {
		return err
	}
	if !t.journal.Failed {
		if t.buildsFinished, err = t.finishBuilds(unit); err != nil {
			return err
		}
	}
	if t.buildsFinished {
		t.journal.Builds = nil
		return nil
	}
	return t.restoreDropIn(ctx)
}

// finishByReload has dockerd run with the text of daemon.json. It reports false if a reload
// is not enough.
func (t *Transaction) finishByReload(ctx context.Context) (done bool, err error) {
	current, err := t.journal.File.Text()
	if err != nil || t.identify(current) != wayback.TextPlanned {
		return false, errors.Join(err, daemonfile.ErrStale)
	}
	if t.journal.Engine == nil {
		// Docker was down then, and was started from this text since.
		return true, nil
	}
	doc, err := daemonjson.Parse(current)
	if err != nil {
		return false, err
	}
	old, _ := daemonjson.Parse(t.old) // one that cannot be parsed counts as a text without our keys
	want := wayback.Planned(t.journal, doc, old, t.flags)
	info, err := t.Info(ctx)
	if err != nil {
		return false, err
	}
	if want.Remap != config.RemapAny && want.Remap != config.RemapOf(info.UsernsRemap) {
		return false, nil
	}
	t.written = append([]byte{}, current...) // not nil, also if the plan removes the file
	if err = t.Reload(ctx, nil); err == nil {
		_, err = t.docker.Confirm(ctx, want, t.flags, t.CheckStale)
	}
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, context.Canceled), errors.Is(err, daemonfile.ErrStale):
		return false, err
	}
	t.docker.Logger().Debug("a reload did not finish the change", zap.Error(err))
	return false, nil
}
