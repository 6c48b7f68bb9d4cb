package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/release"
)

// errForeign says that daemon.json has a text that is not from us.
var errForeign = errors.New("somebody else has changed it meanwhile: it is left as it is")

// back brings daemon.json, dockerd and the link to what the journal says they
// were. It looks at the host instead of assuming how far the run had come, so
// that it can be repeated.
func (t *transaction) back(ctx context.Context) error {
	failpoint.Here("back: begun")
	err := t.dockerBack(ctx)
	failpoint.Here("back: docker is as before")
	return errors.Join(err, t.linkBack())
}

func (t *transaction) dockerBack(ctx context.Context) error {
	if t.j.Engine == nil {
		return t.fileBack()
	}
	unit, err := t.host.Units.Unit(ctx, DockerUnit)
	if err != nil {
		return errors.Join(t.fileBack(), &OutOfReach{Object: "systemd", Err: err})
	}
	if !unit.Running() && !t.j.Restarting {
		// A crash, perhaps of our SIGHUP, that systemd starts it again after.
		if unit, err = t.host.settled(ctx); err != nil {
			return errors.Join(err, t.fileBack())
		}
	}
	if unit.Running() {
		info, err := t.engineNow(ctx)
		if err != nil {
			return errors.Join(err, t.fileBack())
		}
		switch {
		case t.asBefore().missing(info) == nil:
			return t.fileBack()
		case remapOf(info.UsernsRemap) == t.j.Engine.Remap && (t.j.Engine.Root == "" || info.RootDir == t.j.Engine.Root):
			return t.reloadBack(ctx)
		}
	}
	return t.startBack(ctx, unit)
}

// reloadBack has a running dockerd take back what it has taken.
func (t *transaction) reloadBack(ctx context.Context) error {
	now, err := t.j.File.text()
	if err != nil {
		return err
	}
	if !t.ours(now) {
		return fmt.Errorf("%s: %w", t.j.File.Path, errForeign)
	}
	explicit, err := t.explicit()
	if err != nil {
		return errors.Join(err, t.fileBack())
	}
	t.j.File.Back = append(t.j.File.Back, digestOf(explicit))
	if err := t.host.writeJournal(t.j); err != nil {
		return errors.Join(err, t.fileBack())
	}
	if err := t.replace(now, explicit); err != nil {
		return err
	}
	if err := t.reload(ctx); err != nil {
		return errors.Join(err, t.fileBack())
	}
	_, err = t.host.confirm(ctx, t.asBefore(), t.flags, t.stale)
	return errors.Join(err, t.fileBack())
}

// startBack restarts a dockerd that came up in another way than before, or not
// at all, from the old daemon.json. Start limits are lifted first: three quick
// starts leave docker.service failed, and docker.socket with it.
func (t *transaction) startBack(ctx context.Context, unit Unit) error {
	if err := t.fileBack(); err != nil && !errors.Is(err, errForeign) {
		return err
	}
	failpoint.Here("back: before docker is started")
	for _, name := range []string{DockerUnit, dockerSocket} {
		if err := t.host.Units.ResetFailed(ctx, name); err != nil {
			return err
		}
	}
	if err := t.host.restartUnit(ctx, unit); err != nil {
		return err
	}
	_, err := t.host.confirm(ctx, t.asBefore(), t.flags, func() error { return nil }) // whatever the file is
	return err
}

// fileBack makes daemon.json what it was, if what it has is ours.
func (t *transaction) fileBack() error {
	now, err := t.j.File.text()
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
		return t.j.File.remove(now)
	}
}

// ours reports whether text is one that this transaction has written, or the
// one that was there before.
func (t *transaction) ours(text []byte) bool {
	digest := digestOf(text)
	return digest == t.j.File.Was || slices.Contains(t.j.File.Later, digest) || slices.Contains(t.j.File.Back, digest)
}

// linkBack points the link at what it led to.
func (t *transaction) linkBack() error {
	if !t.j.Link.Changes {
		return nil
	}
	store := t.host.store()
	state, err := store.LinkState()
	if err != nil || state.Kind == release.LinkForeign || state.Release == t.j.Link.Release {
		return err
	}
	if t.j.Link.Release == "" {
		return store.RemoveLink()
	}
	return store.SetLink(t.j.Link.Release)
}
