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
	"runsc-provisioner/provision/wayback"
	"runsc-provisioner/test/seen"
)

// unfinished is a host with the journal of a run that was killed after it wrote
// newText.
func unfinished(t *testing.T) (*Provisioner, *fakeDockerd) {
	t.Helper()
	h, d, o := changing(t, oldText)
	tx, err := h.beginTransaction(upgrade(o, newText), config.Default(), o)
	if err != nil {
		t.Fatal(err)
	}
	tx.journal.Trial = ""
	if err := errors.Join(h.State().WriteJournal(tx.journal), os.WriteFile(d.file, []byte(newText), 0o644)); err != nil {
		t.Fatal(err)
	}
	return h, d
}

func (pr *Provisioner) isOpen(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat(pr.State().JournalPath())
	return err == nil
}

func TestFault_X01_ARecoveryThatFailsIsSetAside(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(h *Provisioner, j *state.Journal, file string) error
		copy bool // of the old daemon.json
		file string
	}{
		{name: "the journal is damaged", file: newText, do: func(h *Provisioner, _ *state.Journal, _ string) error {
			return os.WriteFile(h.State().JournalPath(), []byte("{\"schema_"), 0o600)
		}},
		{name: "the journal is empty", file: newText, do: func(h *Provisioner, _ *state.Journal, _ string) error {
			return os.WriteFile(h.State().JournalPath(), nil, 0o600)
		}},
		{name: "the journal is a directory", file: newText, do: func(h *Provisioner, _ *state.Journal, _ string) error {
			return errors.Join(os.Remove(h.State().JournalPath()), os.Mkdir(h.State().JournalPath(), 0o700))
		}},
		{name: "a schema that never was", file: newText, do: func(h *Provisioner, j *state.Journal, _ string) error {
			j.SchemaVersion = 0
			return h.State().WriteJournal(*j)
		}},
		{name: "another target than the managed file", file: newText, copy: true, do: func(h *Provisioner, j *state.Journal, _ string) error {
			j.File.Target = filepath.Join(h.Paths.State, "shadow")
			return h.State().WriteJournal(*j)
		}},
		{name: "the copy is lost", file: newText, do: func(h *Provisioner, j *state.Journal, _ string) error {
			return os.Remove(filepath.Join(h.State().BackupDir(), j.File.Backup))
		}},
		{name: "daemon.json is a directory", copy: true, do: func(_ *Provisioner, _ *state.Journal, file string) error {
			return errors.Join(os.Remove(file), os.Mkdir(file, 0o755))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, d := unfinished(t)
			j, _, err := h.State().ReadJournal()
			if err == nil {
				err = test.do(h, &j, d.file)
			}
			if err != nil {
				t.Fatal(err)
			}
			var told []Event
			h.Report = func(e Event) { told = append(told, e) }
			changed, err := h.recoverAndReport(t.Context(), plan.Options{})
			if err != nil || !changed || len(told) != 1 || told[0].Kind != Abandoned {
				t.Fatalf("got changed %t, error %v, told %+v, want it set aside and told so", changed, err, told)
			}
			all := h.State().FailedRecoveries()
			if len(all) != 1 || all[0].Why == "" || all[0].At.IsZero() || h.isOpen(t) {
				t.Fatalf("got %+v aside, journal open: %t, want one and none", all, h.isOpen(t))
			}
			text, err := os.ReadFile(filepath.Join(all[0].Path, "daemon.json"))
			if want := oldText; test.copy && (err != nil || string(text) != want) || !test.copy && err == nil {
				t.Errorf("got copy %q, %v, want one: %t", text, err, test.copy)
			}
			if test.file != "" {
				if now, err := os.ReadFile(d.file); err != nil || string(now) != test.file {
					t.Errorf("got daemon.json %q, %v, want it left, %q", now, err, test.file)
				}
			}
			item, some := checkup.SetAsideItem(all)
			if !some || item.Health != checkup.Warning || !strings.Contains(item.Remedy, all[0].Path) {
				t.Errorf("got item %+v, want a warning that names %s", item, all[0].Path)
			}
			if changed, err := h.recoverAndReport(t.Context(), plan.Options{}); changed || err != nil {
				t.Errorf("a second time: got %t, %v, want nothing to do", changed, err)
			}
		})
	}
}

func TestFault_X01_AJournalOfANewerVersionIsRefused(t *testing.T) {
	h, _ := unfinished(t)
	if err := os.WriteFile(h.State().JournalPath(), []byte(`{"schema_version": 2, "daemon_json": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var refusal *blocked.Refused
	if _, err := h.recoverAndReport(t.Context(), plan.Options{}); !errors.As(err, &refusal) || refusal.Object != h.State().JournalPath() {
		t.Errorf("got error %v, want a refusal of %s", err, h.State().JournalPath())
	}
	if !h.isOpen(t) || len(h.State().FailedRecoveries()) != 0 {
		t.Error("got the journal moved, want it left for the newer version")
	}
}

func TestFault_X01_AnInterruptedRecoveryIsNotSetAside(t *testing.T) {
	h, _ := unfinished(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.recoverAndReport(ctx, plan.Options{}); !errors.Is(err, context.Canceled) || !h.isOpen(t) || len(h.State().FailedRecoveries()) != 0 {
		t.Errorf("got error %v, journal open: %t, aside %v, want it left as it is", err, h.isOpen(t), h.State().FailedRecoveries())
	}
}

func TestFault_X01_AFewAreKept(t *testing.T) {
	h, _ := unfinished(t)
	j, _, err := h.State().ReadJournal()
	if err != nil {
		t.Fatal(err)
	}
	var last state.SetAside
	for range state.KeptAside + 2 {
		if err := h.State().WriteJournal(j); err != nil {
			t.Fatal(err)
		}
		if last, err = h.State().SetAside(j, errors.New("of the test")); err != nil {
			t.Fatal(err)
		}
	}
	all := h.State().FailedRecoveries()
	if len(all) != state.KeptAside || all[state.KeptAside-1].Path != last.Path || all[state.KeptAside-1].Why != "of the test" {
		t.Errorf("got %+v, want the last %d, up to %s", all, state.KeptAside, last.Path)
	}
	// One that was killed in the middle has its journal where it was.
	if err := os.Rename(filepath.Join(last.Path, "journal.json"), h.State().JournalPath()); err != nil {
		t.Fatal(err)
	}
	if got := h.State().FailedRecoveries(); len(got) != state.KeptAside-1 {
		t.Errorf("got %+v, want the unfinished one not listed", got)
	}
	if err := h.State().SweepAside(); err != nil || len(h.State().AsideNames()) != state.KeptAside-1 {
		t.Errorf("got %v, %v, want the unfinished one swept", h.State().AsideNames(), err)
	}
}

// fakeStarts is a fakeDockerd that knows another start of it.
type fakeStarts struct {
	*fakeDockerd
	unit host.Unit
}

func (d fakeStarts) Unit(context.Context, string) (host.Unit, error) { return d.unit, nil }

// Restarted by another program in the middle, dockerd has lost what no file has.
func TestFault_X01_AnotherStartLeadsToWhatTheOldFileGives(t *testing.T) {
	for _, test := range []struct{ invocation, want string }{{"1", "runsc"}, {"2", "runc"}} {
		h, d, o := changing(t, oldText)
		d.info.DefaultRuntime = "runsc"
		d.info.Runtimes["runsc"] = engine.Runtime{Path: "/memory/runsc"}
		o.Engine.DefaultRuntime, o.Engine.Runtimes = "runsc", d.info.Runtimes
		o.Unit.InvocationID = "1"
		starts := fakeStarts{d, host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: "active", ExecStart: []string{"/nowhere/dockerd"}, InvocationID: test.invocation}}
		h.Units, h.Jobs = starts, starts
		tx, err := h.beginTransaction(upgrade(o, newText), config.Default(), o)
		if err != nil {
			t.Fatal(err)
		}
		tx.journal.Trial, tx.journal.Failed = "", true
		if err := errors.Join(h.State().WriteJournal(tx.journal), os.WriteFile(d.file, []byte(newText), 0o644)); err != nil {
			t.Fatal(err)
		}
		d.info = *seen.Reloaded(d.info, seen.DaemonJSON(t, newText).Doc)
		if _, err := h.recoverAndReport(t.Context(), plan.Options{}); err != nil || len(h.State().FailedRecoveries()) != 0 {
			t.Errorf("invocation %s: got error %v, aside %v, want it undone", test.invocation, err, h.State().FailedRecoveries())
		}
		if d.info.DefaultRuntime != test.want {
			t.Errorf("invocation %s: got default runtime %s, want %s", test.invocation, d.info.DefaultRuntime, test.want)
		}
		if now, err := os.ReadFile(d.file); err != nil || string(now) != oldText {
			t.Errorf("invocation %s: got daemon.json %s, %v, want %s", test.invocation, now, err, oldText)
		}
	}
}

// fakeRestarts is a fakeDockerd that comes up each time as it was.
type fakeRestarts struct {
	*fakeDockerd
	restarts *int
}

func (d fakeRestarts) Unit(context.Context, string) (host.Unit, error) {
	return host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: "active", ExecStart: []string{"/nowhere/dockerd"}, InvocationID: fmt.Sprint(*d.restarts)}, nil
}

func (d fakeRestarts) Restart(context.Context, string) error { *d.restarts++; return nil }

func TestFault_E05_OneRestartOnTheWayBack(t *testing.T) {
	for name, opts := range map[string]*plan.Options{"in the same run": nil, "by a later run": {AllowRestart: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // a change that is not taken is waited for
			h, d, o := changing(t, oldText)
			restarts := 0
			fake := fakeRestarts{d, &restarts}
			h.Units, h.Jobs = fake, fake
			tx, err := h.beginTransaction(upgrade(o, newText), config.Default(), o)
			if err != nil {
				t.Fatal(err)
			}
			d.info.UsernsRemap = true // whatever the file is
			tx.journal.Restarting, tx.journal.Restarted, tx.journal.Failed, tx.recoveryOptions = true, "0", true, opts
			if err := tx.undo(t.Context()); err == nil || restarts != 1 {
				t.Errorf("got error %v after %d restarts, want one after one", err, restarts)
			}
		})
	}
}

func TestAJournalHasTheStartOfDockerAndTheRuntimesOfOthers(t *testing.T) {
	_, _, o := changing(t, oldText)
	o.Unit.InvocationID = "1"
	o.Engine.Runtimes = map[string]engine.Runtime{
		"runc": {Path: "runc"}, "runsc": {Path: "/x"}, "nvidia": {Path: "/n", Args: []string{"-a"}},
		"io.containerd.runc.v2": {Path: "runc"}, "kata": {Type: "io.containerd.kata.v2"},
	}
	j := wayback.NewJournal(plan.Plan{}, o, []string{"runsc"}, "")
	if got := j.Engine.Others; j.Invocation != "1" || len(got) != 1 || got["nvidia"].Path != "/n" || len(got["nvidia"].Args) != 1 {
		t.Errorf("got invocation %q and others %v, want 1 and nvidia", j.Invocation, got)
	}
	if o.Engine = nil; wayback.NewJournal(plan.Plan{}, o, nil, "").Invocation != "" {
		t.Error("got the start of a Docker that did not run")
	}
}
