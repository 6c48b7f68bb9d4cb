package transaction

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/validate"
	"runsc-provisioner/provision/wayback"
)

// takeOut puts our settings in another program's daemon.json back as they were, and leaves
// the rest of its text alone. The journal names the new text before it is written. If the
// text cannot be read or edited, it stays, and the error is errForeign. It is
// daemonfile.ErrStale if the file changes meanwhile.
func (t *Transaction) takeOut() error {
	stays := func(err error) error { return fmt.Errorf("%s: %w: %w", t.journal.File.Path, errForeign, err) }
	file, err := daemonfile.Read(t.journal.File.Path)
	switch {
	case err != nil:
		return stays(err)
	case file.Target != t.journal.File.Target:
		return stays(fmt.Errorf("it is now a symlink to %s", file.Target))
	case !file.Exists:
		return nil // nothing of ours is left
	}
	old, err := daemonjson.Parse(t.old)
	if err != nil {
		return stays(err)
	}
	doc, kept, err := wayback.TakeOut(t.journal, file.Doc, old, t.flags)
	if err != nil {
		return stays(err)
	}
	t.kept = kept
	if bytes.Equal(doc.Bytes(), file.Bytes) {
		return nil
	}
	if digest := durable.Digest(doc.Bytes()); digest != t.journal.File.OldDigest {
		t.journal.File.MergedDigests = append(t.journal.File.MergedDigests, digest)
	}
	if err := t.docker.State().Journal().Write(t.journal); err != nil {
		return err
	}
	failpoint.Here("back: before another program's text is edited")
	if err := file.Place().Replace(file.Bytes, doc.Bytes()); err != nil {
		return err
	}
	t.written = doc.Bytes()
	return nil
}

// checkMerged returns the text that Docker is about to start from. If it has parts of
// another program, dockerd validates it first, where it can. The error is a
// *blocked.Refused if dockerd refuses it. It is errForeign if Docker runs: no plan has
// looked at that text, and so we do not restart Docker with it.
func (t *Transaction) checkMerged(ctx context.Context, unit host.Unit) ([]byte, error) {
	text, err := t.journal.File.Text()
	if err != nil || t.isOurs(text) {
		return t.old, err
	}
	if unit.Running() {
		return nil, fmt.Errorf("%s: %w", t.journal.File.Path, errForeign)
	}
	doc, err := daemonjson.Parse(text)
	if err != nil {
		return text, nil // restoreFile has said so
	}
	_, _, err = validate.Document(ctx, t.docker.Host, doc, host.Observed{Unit: unit, Command: t.command, File: daemonfile.File{Path: t.journal.File.Path}})
	return text, err
}

// explainKept names the runtimes that could not be put back in another program's text.
func (t *Transaction) explainKept() error {
	if len(t.kept) == 0 {
		return nil
	}
	return errors.New("the file keeps the new definition of " + strings.Join(t.kept, ", "))
}

// leaveStale ends the transaction after cause, which says that another program has written
// daemon.json. Its text stays, and the next observation decides what to do about it. Only a
// userns-remap that no restart has brought into effect is taken out: the next restart of
// Docker, by any program, would hide Docker's data.
func (t *Transaction) leaveStale(ctx context.Context, cause error, current []byte) error {
	if t.written == nil {
		return errors.Join(cause, t.docker.State().Journal().Remove())
	}
	carry := t.carry(current, config.RemapAny)
	mayCarry := carry == wayback.CarriesRestart || carry == wayback.CarriesUnknown && wayback.SwitchesRemap(t.journal, t.old)
	if !t.journal.Restarting && mayCarry {
		err := daemonfile.ErrStale
		for i := 0; i < maxStale && errors.Is(err, daemonfile.ErrStale); i++ {
			err = t.restoreFile()
		}
		if err = errors.Join(err, t.explainKept()); err != nil {
			return &RolledBack{Cause: cause, Restore: err, Left: t.left(ctx)}
		}
	}
	return errors.Join(cause, t.docker.State().Journal().Finish())
}

// keepsRestart reports whether a restart of this transaction has brought its userns-remap
// into effect, and text keeps it.
func (t *Transaction) keepsRestart(ctx context.Context, text []byte) bool {
	unit, err := t.docker.Docker(ctx)
	if err != nil || !unit.Running() || t.journal.Restarted == "" || unit.InvocationID != t.journal.Restarted {
		return false
	}
	info, err := t.Info(ctx)
	return err == nil && wayback.KeepsRemap(t.journal, text, config.RemapOf(info.UsernsRemap))
}
