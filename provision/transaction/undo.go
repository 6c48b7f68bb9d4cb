package transaction

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/validate"
	"runsc-provisioner/provision/wayback"
)

var (
	// errForeign says that another program has written daemon.json.
	errForeign = errors.New("another program has changed the file; it is left as it is")
	// errNotLoaded says that daemon.json is without our settings, but that dockerd is not.
	errNotLoaded = errors.New("another program has changed the file; this run's settings were taken out of it, but Docker keeps them until it loads the file again")
	// errNoConsent says that the recovery needs more disruption than is allowed.
	errNoConsent = errors.New("only a restart of Docker would undo the change, and this run may not restart Docker")
)

// maxStale is how often other programs may change the host before a way back gives up.
const maxStale = 3

// dockerSocket is the unit that starts docker.service on a connection. It fails together
// with docker.service after too many starts.
const dockerSocket = "docker.socket"

// undo puts daemon.json, dockerd and the link back to what the journal says they were. It
// observes the host and does not assume how far the run came, so it can be repeated. It
// starts over if another program writes daemon.json, or starts or stops Docker, meanwhile.
func (t *Transaction) undo(ctx context.Context) error {
	failpoint.Here("back: begun")
	err := t.restoreDropIn(ctx)
	if err != nil {
		return errors.Join(err, t.restoreFile(), t.restoreLink()) // a start of Docker would load the new drop-in
	}
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
	return errors.Join(err, t.restoreProgram(), t.restoreLink(), t.explainKept())
}

// goBack takes one way back.
func (t *Transaction) goBack(ctx context.Context, w wayback.Way, s wayback.Scene) error {
	switch w {
	case wayback.Leave:
		return t.foreignLeft(s)
	case wayback.Reload:
		return t.undoByReload(ctx, s)
	case wayback.Start:
		// A start has no effect if another program has started Docker meanwhile.
		return t.undoByStart(ctx, s.Unit, s.Unit.Changing())
	case wayback.Restart:
		return t.undoByStart(ctx, s.Unit, true)
	case wayback.SetAside:
		return errNoConsent
	case wayback.RestoreFile:
		if t.pending != nil && s.Unit.Running() {
			// dockerd takes one reload after the other: the next one shows that the last is over.
			return t.undoByReload(ctx, s)
		}
		return t.restoreFile()
	default:
		err := t.restoreFile()
		if err == nil && s.Text == wayback.TextForeign {
			s.Carry = wayback.CarriesNothing
			err = t.foreignLeft(s)
		}
		return err
	}
}

// foreignLeft says what is left of the change on a host with another program's text. In a
// later run that is no error, because the next plan goes on from what it sees. It is one if
// the text cannot be read: then the recovery must be repeated.
func (t *Transaction) foreignLeft(s wayback.Scene) error {
	theirs := s.Text == wayback.TextForeign || s.Text == wayback.TextMerged
	switch {
	case theirs && s.Carry == wayback.CarriesUnknown:
		_, err := daemonfile.Read(t.journal.File.Path)
		return errors.Join(fmt.Errorf("%s: %w", t.journal.File.Path, errForeign), err)
	case !theirs, t.recoveryOptions != nil:
		return nil
	case s.Carry != wayback.CarriesNothing:
		return fmt.Errorf("%s: %w", t.journal.File.Path, errForeign)
	case s.Unit.Running() && s.Engine != wayback.EngineRestored:
		return fmt.Errorf("%s: %w", t.journal.File.Path, errNotLoaded)
	}
	return nil
}

// undoByReload has the running dockerd undo the settings that it has taken.
func (t *Transaction) undoByReload(ctx context.Context, s wayback.Scene) error {
	current, err := t.journal.File.Text()
	if err != nil {
		return err
	}
	if !t.isOurs(current) {
		return fmt.Errorf("%s: %w", t.journal.File.Path, errForeign)
	}
	want, _ := wayback.Target(t.journal, s.Unit, t.old, t.flags)
	text, err := activation.ReloadText(t.old, want, t.flags)
	if err == nil {
		_, _, err = validate.Document(ctx, t.docker.Host, text, host.Observed{Unit: s.Unit, Command: t.command, File: daemonfile.File{Path: t.journal.File.Path}})
	}
	if err == nil {
		t.journal.File.RevertDigests = append(t.journal.File.RevertDigests, durable.Digest(text.Bytes()))
		err = t.docker.State().Journal().Write(t.journal)
	}
	if err != nil {
		return errors.Join(err, t.restoreFile())
	}
	if err := t.replace(current, text.Bytes()); err != nil {
		return err
	}
	if err = t.Reload(ctx, nil); err == nil {
		_, err = t.docker.Confirm(ctx, want, t.flags, t.CheckStale)
	}
	t.settleReload(ctx)
	return errors.Join(err, t.restoreFile())
}

// undoByStart starts or restarts Docker from the old daemon.json. It first resets the
// start limit: after three quick starts docker.service fails, and docker.socket with it.
func (t *Transaction) undoByStart(ctx context.Context, unit host.Unit, restart bool) error {
	foreign := t.restoreFile()
	if foreign != nil && (!errors.Is(foreign, errForeign) || t.recoveryOptions != nil) {
		return foreign // a later run would try to start Docker again and again
	}
	text, err := t.checkMerged(ctx, unit)
	if err != nil {
		return err
	}
	t.startedDocker = true
	t.journal.Restarting, t.journal.Starting, t.journal.Restarted, t.journal.Signalled = true, true, "", ""
	if err := t.docker.State().Journal().Write(t.journal); err != nil {
		return err
	}
	job := t.docker.Jobs.Start
	if restart {
		job = t.docker.Jobs.Restart
		failpoint.Here("back: before docker is restarted")
	} else {
		failpoint.Here("back: before docker is started")
	}
	for _, name := range []string{host.DockerUnit, dockerSocket} {
		if err := t.docker.Jobs.ResetFailed(ctx, name); err != nil {
			return err
		}
	}
	ended := t.docker.restarting(steps.Restart{Unit: unit.Name})
	up, err := t.docker.bringUp(ctx, unit, job)
	ended(err)
	if err != nil {
		return err
	}
	failpoint.Here("back: docker is started")
	t.journal.Restarted = up.InvocationID
	if err := t.docker.State().Journal().Write(t.journal); err != nil || foreign != nil {
		return errors.Join(err, foreign)
	}
	want, known := wayback.Target(t.journal, up, text, t.flags)
	if !known {
		return nil
	}
	_, err = t.docker.Confirm(ctx, want, t.flags, func() error { return nil })
	return err
}

// restoreFile puts the old daemon.json back. If another program has written the file, it
// only takes our settings out of it. If that is impossible, the error is errForeign.
func (t *Transaction) restoreFile() error {
	current, err := t.journal.File.Text()
	switch {
	case err != nil:
		return err
	case bytes.Equal(current, t.old), t.identify(current) == wayback.TextMerged:
		return nil
	case !t.isOurs(current):
		return t.takeOut()
	case t.journal.File.Existed:
		return t.replace(current, t.old)
	default:
		return t.journal.File.Remove(current)
	}
}

// isOurs reports whether text is the old one, or one that this transaction has written and
// that has nothing of another program.
func (t *Transaction) isOurs(text []byte) bool {
	who := t.identify(text)
	return who != wayback.TextForeign && who != wayback.TextMerged
}

// restoreLink puts the old link back.
func (t *Transaction) restoreLink() error {
	if !t.journal.Link.Changes {
		return nil
	}
	store := t.storeOfLink()
	state, err := store.LinkState()
	if err != nil || state.Kind == release.LinkForeign || isJournalled(state, t.journal.Link) {
		return err
	}
	if t.journal.Link.Release == "" {
		return store.RemoveLink()
	}
	return store.SetLink(t.journal.Link.Release)
}
