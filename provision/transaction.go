package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/durable"
)

// undoWithin bounds the way back, which a signal does not cut short.
const undoWithin = 2 * time.Minute

// transaction remembers what was done to daemon.json and dockerd, to be able
// to undo it.
type transaction struct {
	host      *Host
	before    Observed
	written   []byte // what daemon.json has from us; nil when nothing was written
	signalled bool   // dockerd was told to read it
}

func (t *transaction) write(s WriteDaemonJSON) error {
	if err := replaceDaemonJSON(s.File, s.Old, s.New); err != nil {
		return err
	}
	t.written = s.New
	return nil
}

// reload signals dockerd, but only an active one: SIGHUP kills a dockerd that
// has not finished starting.
func (t *transaction) reload(ctx context.Context, s Reload) error {
	unit, err := t.host.Units.Unit(ctx, s.Unit)
	if err != nil {
		return &OutOfReach{Object: "systemd", Err: err}
	}
	if !unit.Running() {
		return &OutOfReach{Object: s.Unit, Err: fmt.Errorf("is %s, and only an active one can be reloaded", unit.ActiveState)}
	}
	t.signalled = true
	taken, err := t.host.watchReload(ctx, t.before.Flags)
	if err != nil {
		return &OutOfReach{Object: "dockerd", Err: err}
	}
	if err := t.host.Units.Reload(ctx, s.Unit); err != nil {
		return fmt.Errorf("reload %s: %w", s.Unit, err)
	}
	return taken()
}

// after puts the old daemon.json back when cause came after it was replaced.
func (t *transaction) after(ctx context.Context, cause error) error {
	if t.written == nil {
		return cause
	}
	t.host.report(Event{Kind: RollingBack, Err: cause})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	if errors.Is(cause, errReloadRefused) {
		// dockerd took nothing of it, and the default is always written last.
		return &RolledBack{Cause: cause, Restore: t.putBack(t.written)}
	}
	return &RolledBack{Cause: cause, Restore: t.restore(ctx)}
}

func (t *transaction) restore(ctx context.Context) error {
	file := t.before.File
	if !t.signalled {
		return t.putBack(t.written)
	}
	// Leaving a key out of daemon.json does not make dockerd forget it on a
	// reload (moby daemon/reload_unix.go): the old default is written out,
	// confirmed, and then the old text put back.
	old := t.before.Engine.DefaultRuntime
	explicit, err := daemonjson.Edit(file.Doc, daemonjson.Want{DefaultRuntime: &old})
	if err != nil {
		return err
	}
	if err := replaceDaemonJSON(file, t.written, explicit.Bytes()); err != nil {
		return err
	}
	if err := t.reload(ctx, Reload{Unit: t.before.Unit.Name}); err != nil {
		return errors.Join(err, t.putBack(explicit.Bytes()))
	}
	_, err = t.host.confirm(ctx, Confirm{Default: old}, t.before)
	return errors.Join(err, t.putBack(explicit.Bytes()))
}

// putBack makes daemon.json what it was, if it still is what we wrote.
func (t *transaction) putBack(ours []byte) error {
	file := t.before.File
	if file.Exists {
		return replaceDaemonJSON(file, ours, file.Bytes)
	}
	if err := unchanged(file.Target, ours); err != nil {
		return err
	}
	if err := os.Remove(file.Target); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(file.Target))
}

// replaceDaemonJSON writes text over old, keeping owner, mode and attributes.
// When the file is not old any more, nothing is written and the error is
// errStale.
func replaceDaemonJSON(file DaemonFile, old, text []byte) error {
	attr := durable.Plain(0o644)
	if _, err := os.Lstat(file.Target); err == nil {
		attr = durable.Attr{Mode: file.Mode, UID: file.UID, GID: file.GID, Like: file.Target}
	}
	if !file.Exists {
		attr.Mode, attr.UID, attr.GID = 0o644, -1, -1
		if err := durable.MkdirAll(filepath.Dir(file.Target), 0o755); err != nil {
			return &Refusal{Object: file.Path, Err: err}
		}
	}
	attr.Before = func() error { return unchanged(file.Target, old) }
	err := durable.WriteFile(file.Target, text, attr)
	if err != nil && !errors.Is(err, errStale) {
		return &Refusal{Object: file.Path, Err: err}
	}
	return err
}

// unchanged reports errStale when path does not hold text. A file that is not
// there holds none.
func unchanged(path string, text []byte) error {
	now, err := readLimited(path, daemonjson.MaxBytes)
	if errors.Is(err, os.ErrNotExist) {
		now, err = nil, nil
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(now, text) {
		return errStale
	}
	return nil
}
