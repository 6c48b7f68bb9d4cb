package provision

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/test/stored"
)

// A run that failed puts the link back itself. After a run that was killed, the
// next run does.
func TestFault_X01_TheLinkIsPutBack(t *testing.T) {
	const before, later = "20260907.0", "20260914.0"
	for _, test := range []struct {
		name    string
		was     string // the release that the link leads to before; "" for no link
		changes bool   // the plan has a step for it
		killed  bool   // the run was, after that step
		foreign bool   // another program has put a file in its place since
		want    string
	}{
		{name: "failed, it led to another release", was: before, changes: true, want: before},
		{name: "failed, there was none", changes: true},
		{name: "failed, it was not to be changed", was: later, want: later},
		{name: "killed, it led to another release", was: before, changes: true, killed: true, want: before},
		{name: "killed, there was none", changes: true, killed: true},
		{name: "killed, it was not to be changed", was: later, killed: true, want: later},
		{name: "another program has replaced it", was: before, changes: true, killed: true, foreign: true, want: "foreign"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, d, o := changing(t, oldText)
			h.Owner = os.Geteuid()
			for _, name := range []string{before, later} {
				stored.Release(t, h.Paths.Store, name, map[string]string{"runsc": name})
			}
			var err error
			if test.was != "" {
				err = h.store().SetLink(test.was)
			}
			var linkErr error
			if o.Link, linkErr = h.store().LinkState(); linkErr != nil || err != nil {
				t.Fatal(err, linkErr)
			}
			p := upgrade(o, newText)
			if test.changes {
				link := plan.Link{Path: h.Paths.Link, Target: filepath.Join(h.Paths.Store, later, "runsc"), Release: later}
				p.Steps = slices.Insert(p.Steps, 0, plan.Step(link))
			}
			if test.killed {
				err = h.killedAfterWriting(t, p, o, test.foreign)
			} else {
				err = h.failsAfterWriting(t, p, o)
			}
			if err != nil {
				t.Fatal(err)
			}
			if left := h.linkLeads(t); left != test.want {
				t.Errorf("got the link lead to %q, want %q", left, test.want)
			}
			if now, err := os.ReadFile(d.file); err != nil || string(now) != oldText {
				t.Errorf("got daemon.json %s, %v, want %s", now, err, oldText)
			}
		})
	}
}

// failsAfterWriting carries out p, and ends it once daemon.json is written.
func (h *Provisioner) failsAfterWriting(t *testing.T, p plan.Plan, o host.Observed) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.Report = func(e Event) {
		if _, writes := e.Step.(plan.WriteDaemonJSON); writes && e.Kind == StepDone {
			cancel()
		}
	}
	_, err := h.apply(ctx, p, config.Default(), o)
	var back *RolledBack
	if errors.As(err, &back) {
		return back.Restore
	}
	return fmt.Errorf("got error %w, want a *RolledBack", err)
}

// killedAfterWriting carries out the steps of p up to the first reload, is killed
// at the start of its way back, and then does what the next run does.
func (h *Provisioner) killedAfterWriting(t *testing.T, p plan.Plan, o host.Observed, foreign bool) error {
	t.Helper()
	tx, err := h.beginTransaction(p, config.Default(), o)
	if err != nil {
		return err
	}
	for _, step := range p.Steps {
		if _, reloads := step.(plan.Reload); reloads {
			break
		}
		a := &application{Provisioner: h, observed: o, tx: tx}
		if err := a.step(t.Context(), step); err != nil {
			return err
		}
	}
	if foreign {
		if err := errors.Join(os.Remove(h.Paths.Link), os.WriteFile(h.Paths.Link, nil, 0o755)); err != nil {
			return err
		}
	}
	tx.journal.Failed, tx.journal.Trial = true, "" // a fake dockerd has no containers
	if err := h.State().WriteJournal(tx.journal); err != nil {
		return err
	}
	if _, err := h.recoverAndReport(t.Context(), plan.Options{}); err != nil {
		return err
	}
	if _, found, err := h.State().ReadJournal(); err != nil || found || len(h.State().FailedRecoveries()) != 0 {
		t.Errorf("got a journal: %t, %v, set aside %v, want it undone", found, err, h.State().FailedRecoveries())
	}
	return nil
}

// linkLeads is the release that the link leads to, "" for no link.
func (h *Provisioner) linkLeads(t *testing.T) string {
	t.Helper()
	info, err := os.Lstat(h.Paths.Link)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		t.Fatal(err)
	case info.Mode()&fs.ModeSymlink == 0:
		return "foreign"
	}
	target, err := os.Readlink(h.Paths.Link)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(filepath.Dir(target)) != h.Paths.Store || filepath.Base(target) != "runsc" {
		t.Errorf("got the link lead to %s, which is of no release", target)
	}
	return filepath.Base(filepath.Dir(target))
}
