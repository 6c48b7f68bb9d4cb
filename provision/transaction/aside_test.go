package transaction

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
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/test/dockerhost"
	"runsc-provisioner/test/seen"
)

// unfinished is a host with the journal of a run that was killed after it had written
// newText.
func unfinished(t *testing.T) (*Docker, *dockerhost.Dockerd) {
	t.Helper()
	d, fake, o := hostWithDockerd(t, oldText)
	tx, err := Begin(d, dockerhost.Upgrade(o, newText), o, runtimes)
	if err != nil {
		t.Fatal(err)
	}
	tx.journal.Trial = ""
	if err := errors.Join(d.State().Journal().Write(tx.journal), os.WriteFile(fake.File, []byte(newText), 0o644)); err != nil {
		t.Fatal(err)
	}
	return d, fake
}

func (d *Docker) isOpen(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat(d.State().Journal().Path())
	return err == nil
}

func TestFault_X01_ARecoveryThatFailsIsSetAside(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(d *Docker, j *state.Journal, file string) error
		copy bool   // the old daemon.json is kept with the journal
		file string // what daemon.json must contain
	}{
		{name: "the journal is damaged", file: newText, do: func(d *Docker, _ *state.Journal, _ string) error {
			return os.WriteFile(d.State().Journal().Path(), []byte("{\"schema_"), 0o600)
		}},
		{name: "the journal is empty", file: newText, do: func(d *Docker, _ *state.Journal, _ string) error {
			return os.WriteFile(d.State().Journal().Path(), nil, 0o600)
		}},
		{name: "the journal is a directory", file: newText, do: func(d *Docker, _ *state.Journal, _ string) error {
			return errors.Join(os.Remove(d.State().Journal().Path()), os.Mkdir(d.State().Journal().Path(), 0o700))
		}},
		{name: "a schema that never existed", file: newText, do: func(d *Docker, j *state.Journal, _ string) error {
			j.SchemaVersion = 0
			return d.State().Journal().Write(*j)
		}},
		{name: "the journal is for another file", file: newText, copy: true, do: func(d *Docker, j *state.Journal, _ string) error {
			j.File.Target = filepath.Join(d.Paths.State, "shadow")
			return d.State().Journal().Write(*j)
		}},
		{name: "the copy is lost", file: newText, do: func(d *Docker, j *state.Journal, _ string) error {
			return os.Remove(filepath.Join(d.State().Journal().BackupDir(), j.File.Backup))
		}},
		{name: "daemon.json is a directory", copy: true, do: func(_ *Docker, _ *state.Journal, file string) error {
			return errors.Join(os.Remove(file), os.Mkdir(file, 0o755))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, fake := unfinished(t)
			j, _, err := d.State().Journal().Read()
			if err == nil {
				err = test.do(d, &j, fake.File)
			}
			if err != nil {
				t.Fatal(err)
			}
			recovery, err := Recover(t.Context(), d, plan.Options{})
			if err != nil || recovery.Aside == nil || recovery.Did != "" {
				t.Fatalf("got %+v, error %v, want it set aside", recovery, err)
			}
			all := d.State().FailedRecoveries()
			if len(all) != 1 || all[0].Reason == "" || all[0].At.IsZero() || d.isOpen(t) {
				t.Fatalf("got %+v set aside, journal open: %t, want one and false", all, d.isOpen(t))
			}
			if recovery.Aside.Path != all[0].Path || recovery.Aside.Reason != all[0].Reason {
				t.Errorf("got %+v, want %+v", recovery.Aside, all[0])
			}
			text, err := os.ReadFile(filepath.Join(all[0].Path, "daemon.json"))
			if want := oldText; test.copy && (err != nil || string(text) != want) || !test.copy && err == nil {
				t.Errorf("got copy %q, %v, want one: %t", text, err, test.copy)
			}
			if test.file != "" {
				if now, err := os.ReadFile(fake.File); err != nil || string(now) != test.file {
					t.Errorf("got daemon.json %q, %v, want it unchanged, %q", now, err, test.file)
				}
			}
			item, some := checkup.SetAsideItem(all)
			if !some || item.Health != checkup.Warning || !strings.Contains(item.Remedy, all[0].Path) {
				t.Errorf("got item %+v, want a warning that names %s", item, all[0].Path)
			}
			if again, err := Recover(t.Context(), d, plan.Options{}); again != (Recovery{}) || err != nil {
				t.Errorf("a second time: got %+v, %v, want nothing to do", again, err)
			}
		})
	}
}

func TestFault_X01_AJournalOfANewerVersionIsRefused(t *testing.T) {
	d, _ := unfinished(t)
	if err := os.WriteFile(d.State().Journal().Path(), []byte(`{"schema_version": 2, "daemon_json": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var refusal *blocked.Refused
	if _, err := Recover(t.Context(), d, plan.Options{}); !errors.As(err, &refusal) || refusal.Object != d.State().Journal().Path() {
		t.Errorf("got error %v, want a refusal of %s", err, d.State().Journal().Path())
	}
	if !d.isOpen(t) || len(d.State().FailedRecoveries()) != 0 {
		t.Error("got the journal moved, want it left for the newer version")
	}
}

func TestFault_X01_AnInterruptedRecoveryIsNotSetAside(t *testing.T) {
	d, _ := unfinished(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Recover(ctx, d, plan.Options{}); !errors.Is(err, context.Canceled) || !d.isOpen(t) || len(d.State().FailedRecoveries()) != 0 {
		t.Errorf("got error %v, journal open: %t, aside %v, want it left as it is", err, d.isOpen(t), d.State().FailedRecoveries())
	}
}

func TestFault_X01_OnlyTheLastAreKept(t *testing.T) {
	d, _ := unfinished(t)
	j, _, err := d.State().Journal().Read()
	if err != nil {
		t.Fatal(err)
	}
	var last state.FailedRecovery
	for range state.MaxFailedRecoveries + 2 {
		if err := d.State().Journal().Write(j); err != nil {
			t.Fatal(err)
		}
		if last, err = d.State().SetAside(j, errors.New("the reason of the test")); err != nil {
			t.Fatal(err)
		}
	}
	all := d.State().FailedRecoveries()
	if len(all) != state.MaxFailedRecoveries || all[state.MaxFailedRecoveries-1].Path != last.Path || all[state.MaxFailedRecoveries-1].Reason != "the reason of the test" {
		t.Errorf("got %+v, want the last %d, up to %s", all, state.MaxFailedRecoveries, last.Path)
	}
	// If a run is killed while it sets a journal aside, the journal is still in its place.
	if err := os.Rename(filepath.Join(last.Path, "journal.json"), d.State().Journal().Path()); err != nil {
		t.Fatal(err)
	}
	if got := d.State().FailedRecoveries(); len(got) != state.MaxFailedRecoveries-1 {
		t.Errorf("got %+v, want the unfinished one not listed", got)
	}
	if err := d.State().Sweep(); err != nil || len(d.State().FailedRecoveryNames()) != state.MaxFailedRecoveries-1 {
		t.Errorf("got %v, %v, want the unfinished one swept", d.State().FailedRecoveryNames(), err)
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
		d, fake, o := hostWithDockerd(t, oldText)
		fake.Info.DefaultRuntime = "runsc"
		fake.Info.Runtimes["runsc"] = engine.Runtime{Path: "/memory/runsc"}
		o.Engine.DefaultRuntime, o.Engine.Runtimes = "runsc", fake.Info.Runtimes
		o.Unit.InvocationID = "1"
		starts := fakeStarts{fake, host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: "active", ExecStart: []string{"/nowhere/dockerd"}, InvocationID: test.invocation}}
		d.Units, d.Jobs = starts, starts
		tx, err := Begin(d, dockerhost.Upgrade(o, newText), o, runtimes)
		if err != nil {
			t.Fatal(err)
		}
		tx.journal.Trial, tx.journal.Failed = "", true
		if err := errors.Join(d.State().Journal().Write(tx.journal), os.WriteFile(fake.File, []byte(newText), 0o644)); err != nil {
			t.Fatal(err)
		}
		fake.Info = *seen.Reloaded(fake.Info, seen.DaemonJSON(t, newText).Doc)
		if _, err := Recover(t.Context(), d, plan.Options{}); err != nil || len(d.State().FailedRecoveries()) != 0 {
			t.Errorf("invocation %s: got error %v, aside %v, want it undone", test.invocation, err, d.State().FailedRecoveries())
		}
		if fake.Info.DefaultRuntime != test.want {
			t.Errorf("invocation %s: got default runtime %s, want %s", test.invocation, fake.Info.DefaultRuntime, test.want)
		}
		if now, err := os.ReadFile(fake.File); err != nil || string(now) != oldText {
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
			d, fake, o := hostWithDockerd(t, oldText)
			restarts := 0
			counted := fakeRestarts{fake, &restarts}
			d.Units, d.Jobs = counted, counted
			tx, err := Begin(d, dockerhost.Upgrade(o, newText), o, runtimes)
			if err != nil {
				t.Fatal(err)
			}
			fake.Info.UsernsRemap = true // whatever daemon.json contains
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
		d, fake := unfinished(t)
		starts := fakeStarts{fake, host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: state, ExecStart: []string{"/nowhere/dockerd"}}}
		d.Units, d.Jobs = starts, starts
		if err := os.WriteFile(d.State().Journal().Path(), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Recover(t.Context(), d, plan.Options{})
		var down *DockerDown
		if errors.As(err, &down) != wantDown || err != nil && down == nil {
			t.Errorf("%s: got error %v, want Docker down: %t", state, err, wantDown)
		}
		if d.isOpen(t) || len(d.State().FailedRecoveries()) != 1 {
			t.Errorf("%s: got the journal open: %t, want it set aside", state, d.isOpen(t))
		}
		if _, err := Recover(t.Context(), d, plan.Options{}); err != nil {
			t.Errorf("%s: a second time: got error %v, want none", state, err)
		}
	}
}
