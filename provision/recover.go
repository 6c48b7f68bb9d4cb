package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"go.uber.org/zap"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/wayback"
)

// Recovery is what came of a run that did not end. It is zero where there was
// none.
type Recovery struct {
	Did   string          // in a few words; "" where it was set aside
	Aside *state.SetAside // it failed
}

// Recover finishes or reverts what a run that was killed has left, and says what
// it did. The caller holds the lock. opts say what it may do to Docker: no more
// than a plan of the same run.
//
// A text of ours that a reload brings into effect is finished: dockerd has been
// validated against it, and what depends on a proof was written after the
// proof. Whatever would need one more restart is reverted. What can be neither
// is set aside after one try, and the host as it is then is what the next plan
// begins from.
func (pr *Provisioner) Recover(ctx context.Context, opts plan.Options) (Recovery, error) {
	j, found, err := pr.State().ReadJournal()
	switch {
	case errors.Is(err, state.ErrUnreadable):
		return pr.setAside(j, err)
	case err != nil:
		return Recovery{}, err
	case !found:
		return Recovery{}, pr.removeOldTrials(ctx)
	}
	pr.Logger().Debug("journal of a run that did not end", zap.Time("started", j.Started), zap.Int("pid", j.PID))
	unit, err := pr.Settled(ctx)
	if err != nil && unit.Name == "" {
		return Recovery{}, err
	}
	hangs := err != nil
	if hangs {
		unit.MainPID = 0 // it may be anything that stands in dockerd's way
	}
	command, flags, err := pr.ObserveFlags(unit)
	if err != nil {
		return Recovery{}, err
	}
	t := &transaction{pr: pr, flags: flags, command: command, journal: j, recoveryOptions: &opts, unitHangs: hangs}
	did, err := t.recover(ctx)
	switch {
	case err == nil:
		failpoint.Here("recover: done")
		return Recovery{Did: did}, t.close(ctx)
	case keepsJournal(err):
		return Recovery{}, err
	}
	aside, asideErr := pr.setAside(t.journal, err)
	if asideErr != nil {
		return aside, asideErr
	}
	if t.leftDown(ctx) {
		return aside, &DockerDown{Cause: fmt.Errorf("what a run that did not end has left could not be undone: %w (set aside in %s)", err, aside.Aside.Path), Said: pr.Said(ctx, j.Started)}
	}
	return aside, nil
}

// keepsJournal reports whether a recovery that ended with err is tried again as
// it is: it was interrupted, or Docker or systemd did not answer, or there was no room.
func keepsJournal(err error) bool {
	var reach *blocked.Unreachable
	var errno syscall.Errno
	if errors.As(err, &errno) && slices.Contains([]syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO}, errno) {
		return true
	}
	return errors.Is(err, context.Canceled) || errors.As(err, &reach) || errors.Is(err, ErrBusy)
}

// setAside sets a recovery aside that failed with cause.
func (pr *Provisioner) setAside(j state.Journal, cause error) (Recovery, error) {
	if err := pr.State().SettleBefore(); err != nil {
		return Recovery{}, errors.Join(cause, err)
	}
	aside, err := pr.State().SetAside(j, cause)
	if err != nil {
		return Recovery{}, errors.Join(cause, err)
	}
	return Recovery{Aside: &aside}, nil
}

// recover settles what the run that did not end has left, as the host is now.
func (t *transaction) recover(ctx context.Context) (did string, err error) {
	if path := t.pr.DaemonJSONOf(t.flags); !t.journal.File.At(path) {
		return "", fmt.Errorf("it is about %s (%s), and dockerd reads %s", t.journal.File.Path, t.journal.File.Target, path)
	}
	now, err := t.journal.File.Text()
	if err != nil {
		return "", err
	}
	if t.old, err = t.pr.State().OldText(t.journal); err != nil {
		if durable.Digest(now) != t.journal.File.Was {
			return "", fmt.Errorf("the copy of %s that a killed run made is lost: %w", t.journal.File.Path, err)
		}
		t.old = now
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

// settle removes what is left of a proof, and goes the way that s leads to.
func (t *transaction) settle(ctx context.Context, s wayback.Scene) (did string, err error) {
	if s.Unit.Running() && t.journal.Trial != "" && !t.journal.TrialGone {
		if err := t.removeTrial(ctx, t.journal.Trial); err != nil {
			return "", err
		}
		t.journal.TrialGone = true
	}
	return t.settleDaemonJSON(ctx, s)
}

func (t *transaction) settleDaemonJSON(ctx context.Context, s wayback.Scene) (did string, err error) {
	const reverted = "a run that was killed is undone"
	switch w := wayback.Decide(t.journal, s); {
	case w == wayback.Leave && s.Text == wayback.TextForeign:
		return fmt.Sprintf("a run was killed, and somebody else has changed %s since: it is left as it is", t.journal.File.Path), nil
	case w == wayback.Leave:
		return "a run was killed after it had done its work", nil
	case w == wayback.RestoreFile && s.Text == wayback.TextOld && s.Engine == wayback.EngineRestored && !t.journal.Failed:
		return "a run was killed before it changed anything in Docker", nil
	case w == wayback.Finish:
		if done, err := t.finishByReload(ctx); err != nil || done {
			return "a run that was killed is finished", err
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
	return reverted, t.restoreLink()
}

// finishByReload has dockerd run with the text that daemon.json has, and reports false
// where a reload is not enough for that.
func (t *transaction) finishByReload(ctx context.Context) (done bool, err error) {
	now, err := t.journal.File.Text()
	if err != nil || t.identify(now) != wayback.TextPlanned {
		return false, errors.Join(err, daemonfile.ErrStale)
	}
	if t.journal.Engine == nil {
		// Docker was started meanwhile, from this text.
		return true, nil
	}
	doc, err := daemonjson.Parse(now)
	if err != nil {
		return false, err
	}
	want := plan.Settings{Runtimes: map[string]daemonjson.Runtime{}}
	for _, name := range t.journal.Runtimes {
		if r, has := doc.Runtimes()[name]; has {
			want.Runtimes[name] = r
		}
	}
	want.Default, _ = doc.DefaultRuntime()
	// An old text that cannot be read counts as one without the key.
	if old, _ := daemonjson.Parse(t.old); config.UsernsRemapIn(doc) != config.UsernsRemapIn(old) {
		want.Remap = config.RemapOf(config.UsernsRemapIn(doc) != "")
	}
	info, err := t.engineNow(ctx)
	if err != nil {
		return false, blocked.DockerdSilent(err)
	}
	if want.Remap != config.RemapAny && want.Remap != config.RemapOf(info.UsernsRemap) {
		return false, nil
	}
	t.written = now
	if err := t.reload(ctx); err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, daemonfile.ErrStale) {
			return false, err
		}
		t.pr.Logger().Debug("a reload did not finish it", zap.Error(err))
		return false, nil
	}
	if _, err := t.pr.dockerd().Confirm(ctx, want, t.flags, t.stale); err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, daemonfile.ErrStale) {
			return false, err
		}
		t.pr.Logger().Debug("dockerd does not show it", zap.Error(err))
		return false, nil
	}
	return true, nil
}

// recoverAndReport is Recover, and tells of what it did.
func (pr *Provisioner) recoverAndReport(ctx context.Context, opts plan.Options) (changed bool, err error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	// What was begun before is finished or reverted whole, or has the next run do
	// it all over again. It is bounded as the way back of a run is.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout+pr.restartWithin())
	defer cancel()
	done, err := pr.Recover(ctx, opts)
	if done.Aside != nil {
		pr.report(Event{Kind: Abandoned, Text: "what a run that did not end has left could not be undone, and was set aside in " + done.Aside.Path + ": " + done.Aside.Why})
	}
	if err != nil || done == (Recovery{}) {
		return false, err
	}
	if done.Did != "" {
		pr.report(Event{Kind: Recovered, Text: done.Did})
	}
	return true, nil
}
