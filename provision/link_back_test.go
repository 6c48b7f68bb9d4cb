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
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/test/dockerhost"
	"runsc-provisioner/test/stored"
)

// A run that fails puts the link back itself. After a kill, the next run does.
func TestFault_X01_TheLinkIsPutBack(t *testing.T) {
	const before, later = "20260907.0", "20260914.0"
	for _, test := range []struct {
		name    string
		was     string // the release of the link before; "" for no link
		changes bool   // the plan changes the link
		killed  bool   // the run was killed after that step
		foreign bool   // another program has replaced the link with a file
		want    string
	}{
		{name: "failed, the link had another release", was: before, changes: true, want: before},
		{name: "failed, there was no link", changes: true},
		{name: "failed, the plan does not change the link", was: later, want: later},
		{name: "killed, the link had another release", was: before, changes: true, killed: true, want: before},
		{name: "killed, there was no link", changes: true, killed: true},
		{name: "killed, the plan does not change the link", was: later, killed: true, want: later},
		{name: "another program has replaced it", was: before, changes: true, killed: true, foreign: true, want: "foreign"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pr, d, o := hostWithDockerd(t, oldText)
			pr.Owner = os.Geteuid()
			for _, name := range []string{before, later} {
				stored.Release(t, pr.Paths.Store, name, map[string]string{"runsc": name})
			}
			var err error
			if test.was != "" {
				err = pr.store().SetLink(test.was)
			}
			var linkErr error
			if o.Link, linkErr = pr.store().LinkState(); linkErr != nil || err != nil {
				t.Fatal(err, linkErr)
			}
			p := dockerhost.Upgrade(o, newText)
			if test.changes {
				link := steps.Link{Path: pr.Paths.Link, Target: filepath.Join(pr.Paths.Store, later, "runsc"), Release: later}
				p.Steps = slices.Insert(p.Steps, 0, steps.Step(link))
			}
			if test.killed {
				err = pr.killedAfterWriting(t, p, o, test.foreign)
			} else {
				err = pr.failsAfterWriting(t, p, o)
			}
			if err != nil {
				t.Fatal(err)
			}
			if left := pr.linkLeads(t); left != test.want {
				t.Errorf("got a link to release %q, want %q", left, test.want)
			}
			if now, err := os.ReadFile(d.File); err != nil || string(now) != oldText {
				t.Errorf("got daemon.json %s, %v, want %s", now, err, oldText)
			}
		})
	}
}

// failsAfterWriting carries out p, and cancels it once daemon.json is written.
func (pr *Provisioner) failsAfterWriting(t *testing.T, p plan.Plan, o host.Observed) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pr.Report = func(e Event) {
		if _, writes := e.Step.(steps.WriteDaemonJSON); writes && e.Kind == StepDone {
			cancel()
		}
	}
	_, err := pr.apply(ctx, p, config.Default(), o)
	var back *transaction.RolledBack
	if errors.As(err, &back) {
		return back.Restore
	}
	return fmt.Errorf("got error %w, want a *RolledBack", err)
}

// killedAfterWriting carries out the steps of p before the first reload, as if killed at the
// start of its way back. Then it recovers as the next run does.
func (pr *Provisioner) killedAfterWriting(t *testing.T, p plan.Plan, o host.Observed, foreign bool) error {
	t.Helper()
	tx, err := transaction.Begin(pr.docker(), p, o, config.Default().RuntimeNames())
	if err != nil {
		return err
	}
	for _, step := range p.Steps {
		if _, reloads := step.(steps.Reload); reloads {
			break
		}
		a := &application{Provisioner: pr, observed: o, tx: tx}
		if err := a.step(t.Context(), step); err != nil {
			return err
		}
	}
	if foreign {
		if err := errors.Join(os.Remove(pr.Paths.Link), os.WriteFile(pr.Paths.Link, nil, 0o755)); err != nil {
			return err
		}
	}
	j, _, err := pr.State().Journal().Read()
	j.Failed, j.Trial = true, "" // a fake dockerd has no containers
	if err = errors.Join(err, pr.State().Journal().Write(j)); err != nil {
		return err
	}
	if _, err := pr.recoverAndReport(t.Context(), plan.Options{}); err != nil {
		return err
	}
	if _, found, err := pr.State().Journal().Read(); err != nil || found || len(pr.State().FailedRecoveries()) != 0 {
		t.Errorf("got a journal: %t, %v, set aside %v, want it undone", found, err, pr.State().FailedRecoveries())
	}
	return nil
}

// linkLeads returns the release of the link, "" for no link, or "foreign".
func (pr *Provisioner) linkLeads(t *testing.T) string {
	t.Helper()
	info, err := os.Lstat(pr.Paths.Link)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		t.Fatal(err)
	case info.Mode()&fs.ModeSymlink == 0:
		return "foreign"
	}
	target, err := os.Readlink(pr.Paths.Link)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(filepath.Dir(target)) != pr.Paths.Store || filepath.Base(target) != "runsc" {
		t.Errorf("got a link to %s, which is no release", target)
	}
	return filepath.Base(filepath.Dir(target))
}
