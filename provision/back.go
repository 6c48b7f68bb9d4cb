package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/wayback"
)

// errForeign says that daemon.json has a text that is not from us.
var errForeign = errors.New("somebody else has changed it meanwhile: it is left as it is")

// undo brings daemon.json, dockerd and the link to what the journal says they
// were. It looks at the host instead of assuming how far the run had come, so
// that it can be repeated, and does so where Docker was started or stopped, or
// daemon.json written, while it was at it.
func (t *transaction) undo(ctx context.Context) error {
	failpoint.Here("back: begun")
	var err error
	for range maxStale {
		var s wayback.Scene
		if s, err = t.observe(ctx); err != nil {
			err = errors.Join(err, t.restoreFile())
			break
		}
		if err = t.goBack(ctx, wayback.Decide(t.journal, s), s); err == nil || !t.hostMoved(ctx, s, err) {
			break
		}
	}
	failpoint.Here("back: docker is as before")
	return errors.Join(err, t.restoreLink())
}

// errNoConsent says that recovery would have to disturb Docker more than it may.
var errNoConsent = errors.New("only a restart of Docker would undo it, and this run may not restart Docker")

// goBack goes one of the ways back.
func (t *transaction) goBack(ctx context.Context, w wayback.Way, s wayback.Scene) error {
	switch w {
	case wayback.Leave:
		if s.Text == wayback.TextForeign && t.recoveryOptions == nil {
			return fmt.Errorf("%s: %w", t.journal.File.Path, errForeign)
		}
		return nil
	case wayback.Reload:
		return t.undoByReload(ctx, s)
	case wayback.Start:
		// It does nothing to a Docker that another program has started meanwhile.
		return t.undoByStart(ctx, s.Unit, s.Unit.Changing())
	case wayback.Restart:
		return t.undoByStart(ctx, s.Unit, true)
	case wayback.SetAside:
		return errNoConsent
	default:
		return t.restoreFile()
	}
}

// undoByReload has a running dockerd take back what it has taken.
func (t *transaction) undoByReload(ctx context.Context, s wayback.Scene) error {
	now, err := t.journal.File.Text()
	if err != nil {
		return err
	}
	if !t.ours(now) {
		return fmt.Errorf("%s: %w", t.journal.File.Path, errForeign)
	}
	want, _ := t.target(s.Unit)
	text, err := wayback.ReloadText(t.old, want, t.flags)
	if err == nil {
		_, _, err = t.pr.Validate(ctx, text, host.Observed{Unit: s.Unit, Command: t.command, File: daemonfile.File{Path: t.journal.File.Path}})
	}
	if err != nil {
		return errors.Join(err, t.restoreFile())
	}
	t.journal.File.Back = append(t.journal.File.Back, durable.Digest(text.Bytes()))
	if err := t.pr.State().WriteJournal(t.journal); err != nil {
		return errors.Join(err, t.restoreFile())
	}
	if err := t.replace(now, text.Bytes()); err != nil {
		return err
	}
	if err := t.reload(ctx); err != nil {
		return errors.Join(err, t.restoreFile())
	}
	_, err = t.pr.dockerd().Confirm(ctx, want, t.flags, t.stale)
	return errors.Join(err, t.restoreFile())
}

// undoByStart starts, or restarts, a dockerd that came up in another way
// than before, or not at all, from the old daemon.json. Start limits are lifted
// first: three quick starts leave docker.service failed, and docker.socket with
// it.
func (t *transaction) undoByStart(ctx context.Context, unit host.Unit, restart bool) error {
	foreign := t.restoreFile()
	if foreign != nil && !errors.Is(foreign, errForeign) {
		return foreign
	}
	t.startedDocker = true
	t.journal.Restarting, t.journal.Starting, t.journal.Restarted = true, true, ""
	if err := t.pr.State().WriteJournal(t.journal); err != nil {
		return err
	}
	job := t.pr.Jobs.Start
	if restart {
		job = t.pr.Jobs.Restart
		failpoint.Here("back: before docker is restarted")
	} else {
		failpoint.Here("back: before docker is started")
	}
	for _, name := range []string{host.DockerUnit, dockerSocket} {
		if err := t.pr.Jobs.ResetFailed(ctx, name); err != nil {
			return err
		}
	}
	step, begun := plan.Restart{Unit: unit.Name}, time.Now()
	t.pr.report(Event{Kind: StepStarted, Step: step})
	up, err := t.pr.bringUp(ctx, unit, job)
	t.pr.report(Event{Kind: StepDone, Step: step, Took: time.Since(begun), Err: err})
	if err != nil {
		return err
	}
	failpoint.Here("back: docker is started")
	t.journal.Restarted = up.InvocationID
	if err := t.pr.State().WriteJournal(t.journal); err != nil || foreign != nil {
		return err // whatever the file of another program gives
	}
	want, known := t.target(up)
	if !known {
		return nil
	}
	_, err = t.pr.dockerd().Confirm(ctx, want, t.flags, func() error { return nil })
	return err
}

// restoreFile makes daemon.json what it was, if what it has is ours.
func (t *transaction) restoreFile() error {
	now, err := t.journal.File.Text()
	if err != nil {
		return err
	}
	switch {
	case bytes.Equal(now, t.old):
		return nil
	case !t.ours(now):
		return fmt.Errorf("%s: %w", t.journal.File.Path, errForeign)
	case t.journal.File.Existed:
		return t.replace(now, t.old)
	default:
		return t.journal.File.Remove(now)
	}
}

// ours reports whether text is one that this transaction has written, or the
// one that was there before.
func (t *transaction) ours(text []byte) bool { return t.identify(text) != wayback.TextForeign }

// restoreLink points the link at what it led to.
func (t *transaction) restoreLink() error {
	if !t.journal.Link.Changes {
		return nil
	}
	store := t.pr.store()
	state, err := store.LinkState()
	if err != nil || state.Kind == release.LinkForeign || state.Release == t.journal.Link.Release {
		return err
	}
	if t.journal.Link.Release == "" {
		return store.RemoveLink()
	}
	return store.SetLink(t.journal.Link.Release)
}
