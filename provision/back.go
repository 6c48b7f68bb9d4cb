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

// back brings daemon.json, dockerd and the link to what the journal says they
// were. It looks at the host instead of assuming how far the run had come, so
// that it can be repeated, and does so where Docker was started or stopped, or
// daemon.json written, while it was at it.
func (t *transaction) back(ctx context.Context) error {
	failpoint.Here("back: begun")
	var err error
	for range maxStale {
		var s wayback.Scene
		if s, err = t.look(ctx); err != nil {
			err = errors.Join(err, t.fileBack())
			break
		}
		if err = t.take(ctx, wayback.Decide(t.j, s), s); err == nil || !t.moved(ctx, s, err) {
			break
		}
	}
	failpoint.Here("back: docker is as before")
	return errors.Join(err, t.linkBack())
}

// errNoConsent says that recovery would have to disturb Docker more than it may.
var errNoConsent = errors.New("only a restart of Docker would undo it, and this run may not restart Docker")

// take goes one of the ways back.
func (t *transaction) take(ctx context.Context, w wayback.Way, s wayback.Scene) error {
	switch w {
	case wayback.WayLeave:
		if s.Text == wayback.TextForeign && t.later == nil {
			return fmt.Errorf("%s: %w", t.j.File.Path, errForeign)
		}
		return nil
	case wayback.WayReload:
		return t.reloadBack(ctx, s)
	case wayback.WayStart:
		// It does nothing to a Docker that another program has started meanwhile.
		return t.startBack(ctx, s.Unit, s.Unit.Changing())
	case wayback.WayRestart:
		return t.startBack(ctx, s.Unit, true)
	case wayback.WayAside:
		return errNoConsent
	default:
		return t.fileBack()
	}
}

// reloadBack has a running dockerd take back what it has taken.
func (t *transaction) reloadBack(ctx context.Context, s wayback.Scene) error {
	now, err := t.j.File.Text()
	if err != nil {
		return err
	}
	if !t.ours(now) {
		return fmt.Errorf("%s: %w", t.j.File.Path, errForeign)
	}
	want, _ := t.target(s.Unit)
	text, err := wayback.Explicit(t.old, want, t.flags)
	if err == nil {
		_, _, err = t.pr.Validate(ctx, text, host.Observed{Unit: s.Unit, Command: t.command, File: daemonfile.File{Path: t.j.File.Path}})
	}
	if err != nil {
		return errors.Join(err, t.fileBack())
	}
	t.j.File.Back = append(t.j.File.Back, durable.Digest(text.Bytes()))
	if err := t.pr.State().WriteJournal(t.j); err != nil {
		return errors.Join(err, t.fileBack())
	}
	if err := t.replace(now, text.Bytes()); err != nil {
		return err
	}
	if err := t.reload(ctx); err != nil {
		return errors.Join(err, t.fileBack())
	}
	_, err = t.pr.awaited().Confirm(ctx, want, t.flags, t.stale)
	return errors.Join(err, t.fileBack())
}

// startBack starts, or restarts, a dockerd that came up in another way
// than before, or not at all, from the old daemon.json. Start limits are lifted
// first: three quick starts leave docker.service failed, and docker.socket with
// it.
func (t *transaction) startBack(ctx context.Context, unit host.Unit, restart bool) error {
	foreign := t.fileBack()
	if foreign != nil && !errors.Is(foreign, errForeign) {
		return foreign
	}
	t.started = true
	t.j.Restarting, t.j.Starting, t.j.Restarted = true, true, ""
	if err := t.pr.State().WriteJournal(t.j); err != nil {
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
	t.j.Restarted = up.InvocationID
	if err := t.pr.State().WriteJournal(t.j); err != nil || foreign != nil {
		return err // whatever the file of another program gives
	}
	want, known := t.target(up)
	if !known {
		return nil
	}
	_, err = t.pr.awaited().Confirm(ctx, want, t.flags, func() error { return nil })
	return err
}

// fileBack makes daemon.json what it was, if what it has is ours.
func (t *transaction) fileBack() error {
	now, err := t.j.File.Text()
	if err != nil {
		return err
	}
	switch {
	case bytes.Equal(now, t.old):
		return nil
	case !t.ours(now):
		return fmt.Errorf("%s: %w", t.j.File.Path, errForeign)
	case t.j.File.Existed:
		return t.replace(now, t.old)
	default:
		return t.j.File.Remove(now)
	}
}

// ours reports whether text is one that this transaction has written, or the
// one that was there before.
func (t *transaction) ours(text []byte) bool { return t.textIs(text) != wayback.TextForeign }

// linkBack points the link at what it led to.
func (t *transaction) linkBack() error {
	if !t.j.Link.Changes {
		return nil
	}
	store := t.pr.store()
	state, err := store.LinkState()
	if err != nil || state.Kind == release.LinkForeign || state.Release == t.j.Link.Release {
		return err
	}
	if t.j.Link.Release == "" {
		return store.RemoveLink()
	}
	return store.SetLink(t.j.Link.Release)
}
