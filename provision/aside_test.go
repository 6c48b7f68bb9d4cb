package provision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/test/dockerhost"
	"runsc-provisioner/test/seen"
)

// unfinished is a host with the journal of a run that was killed after it had written
// newText.
func unfinished(t *testing.T) (*Provisioner, *dockerhost.Dockerd) {
	t.Helper()
	pr, d, o := hostWithDockerd(t, oldText)
	tx, err := pr.beginTransaction(dockerhost.Upgrade(o, newText), config.Default(), o)
	if err != nil {
		t.Fatal(err)
	}
	tx.journal.Trial = ""
	if err := errors.Join(pr.State().WriteJournal(tx.journal), os.WriteFile(d.File, []byte(newText), 0o644)); err != nil {
		t.Fatal(err)
	}
	return pr, d
}

func (pr *Provisioner) isOpen(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat(pr.State().JournalPath())
	return err == nil
}

func TestFault_X01_ARecoveryThatFailsIsSetAside(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(pr *Provisioner, j *state.Journal, file string) error
		copy bool   // the old daemon.json is kept with the journal
		file string // what daemon.json must contain
	}{
		{name: "the journal is damaged", file: newText, do: func(pr *Provisioner, _ *state.Journal, _ string) error {
			return os.WriteFile(pr.State().JournalPath(), []byte("{\"schema_"), 0o600)
		}},
		{name: "the journal is empty", file: newText, do: func(pr *Provisioner, _ *state.Journal, _ string) error {
			return os.WriteFile(pr.State().JournalPath(), nil, 0o600)
		}},
		{name: "the journal is a directory", file: newText, do: func(pr *Provisioner, _ *state.Journal, _ string) error {
			return errors.Join(os.Remove(pr.State().JournalPath()), os.Mkdir(pr.State().JournalPath(), 0o700))
		}},
		{name: "a schema that never existed", file: newText, do: func(pr *Provisioner, j *state.Journal, _ string) error {
			j.SchemaVersion = 0
			return pr.State().WriteJournal(*j)
		}},
		{name: "the journal is for another file", file: newText, copy: true, do: func(pr *Provisioner, j *state.Journal, _ string) error {
			j.File.Target = filepath.Join(pr.Paths.State, "shadow")
			return pr.State().WriteJournal(*j)
		}},
		{name: "the copy is lost", file: newText, do: func(pr *Provisioner, j *state.Journal, _ string) error {
			return os.Remove(filepath.Join(pr.State().BackupDir(), j.File.Backup))
		}},
		{name: "daemon.json is a directory", copy: true, do: func(_ *Provisioner, _ *state.Journal, file string) error {
			return errors.Join(os.Remove(file), os.Mkdir(file, 0o755))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			pr, d := unfinished(t)
			j, _, err := pr.State().ReadJournal()
			if err == nil {
				err = test.do(pr, &j, d.File)
			}
			if err != nil {
				t.Fatal(err)
			}
			var events []Event
			pr.Report = func(e Event) { events = append(events, e) }
			changed, err := pr.recoverAndReport(t.Context(), plan.Options{})
			if err != nil || !changed || len(events) != 1 || events[0].Kind != Abandoned {
				t.Fatalf("got changed %t, error %v, events %+v, want it set aside and reported", changed, err, events)
			}
			all := pr.State().FailedRecoveries()
			if len(all) != 1 || all[0].Reason == "" || all[0].At.IsZero() || pr.isOpen(t) {
				t.Fatalf("got %+v set aside, journal open: %t, want one and false", all, pr.isOpen(t))
			}
			text, err := os.ReadFile(filepath.Join(all[0].Path, "daemon.json"))
			if want := oldText; test.copy && (err != nil || string(text) != want) || !test.copy && err == nil {
				t.Errorf("got copy %q, %v, want one: %t", text, err, test.copy)
			}
			if test.file != "" {
				if now, err := os.ReadFile(d.File); err != nil || string(now) != test.file {
					t.Errorf("got daemon.json %q, %v, want it unchanged, %q", now, err, test.file)
				}
			}
			item, some := checkup.SetAsideItem(all)
			if !some || item.Health != checkup.Warning || !strings.Contains(item.Remedy, all[0].Path) {
				t.Errorf("got item %+v, want a warning that names %s", item, all[0].Path)
			}
			if changed, err := pr.recoverAndReport(t.Context(), plan.Options{}); changed || err != nil {
				t.Errorf("a second time: got %t, %v, want nothing to do", changed, err)
			}
		})
	}
}

func TestFault_X01_AJournalOfANewerVersionIsRefused(t *testing.T) {
	pr, _ := unfinished(t)
	if err := os.WriteFile(pr.State().JournalPath(), []byte(`{"schema_version": 2, "daemon_json": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var refusal *blocked.Refused
	if _, err := pr.recoverAndReport(t.Context(), plan.Options{}); !errors.As(err, &refusal) || refusal.Object != pr.State().JournalPath() {
		t.Errorf("got error %v, want a refusal of %s", err, pr.State().JournalPath())
	}
	if !pr.isOpen(t) || len(pr.State().FailedRecoveries()) != 0 {
		t.Error("got the journal moved, want it left for the newer version")
	}
}

func TestFault_X01_AnInterruptedRecoveryIsNotSetAside(t *testing.T) {
	pr, _ := unfinished(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pr.recoverAndReport(ctx, plan.Options{}); !errors.Is(err, context.Canceled) || !pr.isOpen(t) || len(pr.State().FailedRecoveries()) != 0 {
		t.Errorf("got error %v, journal open: %t, aside %v, want it left as it is", err, pr.isOpen(t), pr.State().FailedRecoveries())
	}
}

func TestFault_X01_OnlyTheLastAreKept(t *testing.T) {
	pr, _ := unfinished(t)
	j, _, err := pr.State().ReadJournal()
	if err != nil {
		t.Fatal(err)
	}
	var last state.FailedRecovery
	for range state.MaxFailedRecoveries + 2 {
		if err := pr.State().WriteJournal(j); err != nil {
			t.Fatal(err)
		}
		if last, err = pr.State().SetAside(j, errors.New("the reason of the test")); err != nil {
			t.Fatal(err)
		}
	}
	all := pr.State().FailedRecoveries()
	if len(all) != state.MaxFailedRecoveries || all[state.MaxFailedRecoveries-1].Path != last.Path || all[state.MaxFailedRecoveries-1].Reason != "the reason of the test" {
		t.Errorf("got %+v, want the last %d, up to %s", all, state.MaxFailedRecoveries, last.Path)
	}
	// If a run is killed while it sets a journal aside, the journal is still in its place.
	if err := os.Rename(filepath.Join(last.Path, "journal.json"), pr.State().JournalPath()); err != nil {
		t.Fatal(err)
	}
	if got := pr.State().FailedRecoveries(); len(got) != state.MaxFailedRecoveries-1 {
		t.Errorf("got %+v, want the unfinished one not listed", got)
	}
	if err := pr.State().Sweep(); err != nil || len(pr.State().FailedRecoveryNames()) != state.MaxFailedRecoveries-1 {
		t.Errorf("got %v, %v, want the unfinished one swept", pr.State().FailedRecoveryNames(), err)
	}
}

// fakeStarts is a dockerhost.Dockerd with another start of docker.service.
type fakeStarts struct {
	*dockerhost.Dockerd
	unit host.Unit
}

func (d fakeStarts) Unit(context.Context, string) (host.Unit, error) { return d.unit, nil }

// If another program restarts dockerd during a run, dockerd loses the settings that were
// only in its memory.
func TestFault_X01_AfterAnotherStartTheTargetIsTheOldFile(t *testing.T) {
	for _, test := range []struct{ invocation, want string }{{"1", "runsc"}, {"2", "runc"}} {
		pr, d, o := hostWithDockerd(t, oldText)
		d.Info.DefaultRuntime = "runsc"
		d.Info.Runtimes["runsc"] = engine.Runtime{Path: "/memory/runsc"}
		o.Engine.DefaultRuntime, o.Engine.Runtimes = "runsc", d.Info.Runtimes
		o.Unit.InvocationID = "1"
		starts := fakeStarts{d, host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: "active", ExecStart: []string{"/nowhere/dockerd"}, InvocationID: test.invocation}}
		pr.Units, pr.Jobs = starts, starts
		tx, err := pr.beginTransaction(dockerhost.Upgrade(o, newText), config.Default(), o)
		if err != nil {
			t.Fatal(err)
		}
		tx.journal.Trial, tx.journal.Failed = "", true
		if err := errors.Join(pr.State().WriteJournal(tx.journal), os.WriteFile(d.File, []byte(newText), 0o644)); err != nil {
			t.Fatal(err)
		}
		d.Info = *seen.Reloaded(d.Info, seen.DaemonJSON(t, newText).Doc)
		if _, err := pr.recoverAndReport(t.Context(), plan.Options{}); err != nil || len(pr.State().FailedRecoveries()) != 0 {
			t.Errorf("invocation %s: got error %v, aside %v, want it undone", test.invocation, err, pr.State().FailedRecoveries())
		}
		if d.Info.DefaultRuntime != test.want {
			t.Errorf("invocation %s: got default runtime %s, want %s", test.invocation, d.Info.DefaultRuntime, test.want)
		}
		if now, err := os.ReadFile(d.File); err != nil || string(now) != oldText {
			t.Errorf("invocation %s: got daemon.json %s, %v, want %s", test.invocation, now, err, oldText)
		}
	}
}

// fakeRestarts is a dockerhost.Dockerd that comes up with the same settings after each restart.
type fakeRestarts struct {
	*dockerhost.Dockerd
	restarts *int
}

func (d fakeRestarts) Unit(context.Context, string) (host.Unit, error) {
	return host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: "active", ExecStart: []string{"/nowhere/dockerd"}, InvocationID: fmt.Sprint(*d.restarts)}, nil
}

func (d fakeRestarts) Restart(context.Context, string) error { *d.restarts++; return nil }

func TestFault_E05_OneRestartOnTheWayBack(t *testing.T) {
	for name, opts := range map[string]*plan.Options{"in the same run": nil, "by a later run": {AllowRestart: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for a change that dockerd does not take
			pr, d, o := hostWithDockerd(t, oldText)
			restarts := 0
			fake := fakeRestarts{d, &restarts}
			pr.Units, pr.Jobs = fake, fake
			tx, err := pr.beginTransaction(dockerhost.Upgrade(o, newText), config.Default(), o)
			if err != nil {
				t.Fatal(err)
			}
			d.Info.UsernsRemap = true // whatever daemon.json contains
			tx.journal.Restarting, tx.journal.Restarted, tx.journal.Failed, tx.recoveryOptions = true, "0", true, opts
			if err := tx.undo(t.Context()); err == nil || restarts != 1 {
				t.Errorf("got error %v after %d restarts, want an error after one", err, restarts)
			}
		})
	}
}

// Nothing says whether the change of a damaged journal stopped Docker: a Docker that has failed is reported as down,
// and one that the user has stopped is not.
func TestFault_X01_ADamagedJournalAndDockerIsDown(t *testing.T) {
	for state, wantDown := range map[string]bool{"active": false, "inactive": false, "failed": true} {
		pr, d := unfinished(t)
		starts := fakeStarts{d, host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: state, ExecStart: []string{"/nowhere/dockerd"}}}
		pr.Units, pr.Jobs = starts, starts
		if err := os.WriteFile(pr.State().JournalPath(), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := pr.recoverAndReport(t.Context(), plan.Options{})
		var down *DockerDown
		if errors.As(err, &down) != wantDown || err != nil && down == nil {
			t.Errorf("%s: got error %v, want Docker down: %t", state, err, wantDown)
		}
		if pr.isOpen(t) || len(pr.State().FailedRecoveries()) != 1 {
			t.Errorf("%s: got the journal open: %t, want it set aside", state, pr.isOpen(t))
		}
		if _, err := pr.recoverAndReport(t.Context(), plan.Options{}); err != nil {
			t.Errorf("%s: a second time: got error %v, want none", state, err)
		}
	}
}
