package provision

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/test/seen"
)

// fakeDockerd tells its settings on a unix socket. At each reload it reads
// daemon.json, unless it is deaf to what is there.
type fakeDockerd struct {
	t      *testing.T
	file   string
	deafTo string // texts with this in them are not taken, as dockerd does not say

	mu   sync.Mutex
	info engine.Info
	read []string // what daemon.json was at each reload
}

// settings returns the settings that dockerd answers with, and no containers.
func (d *fakeDockerd) settings() (fakedockerd.Settings, []fakedockerd.Container) {
	d.mu.Lock()
	defer d.mu.Unlock()
	runtimes := map[string]fakedockerd.Runtime{}
	for name, runtime := range d.info.Runtimes {
		runtimes[name] = fakedockerd.Runtime{Path: runtime.Path, Args: runtime.Args}
	}
	return fakedockerd.Settings{DefaultRuntime: d.info.DefaultRuntime, Runtimes: runtimes, UsernsRemap: d.info.UsernsRemap}, nil
}

// Unit makes fakeDockerd the systemd that runs it, too.
func (d *fakeDockerd) Unit(_ context.Context, name string) (host.Unit, error) {
	return host.Unit{Name: name, LoadState: "loaded", ActiveState: "active", ExecStart: []string{"/nowhere/dockerd"}}, nil
}

// Reload says "done" whether or not dockerd took the file.
func (d *fakeDockerd) Reload(context.Context, string) error {
	text, err := os.ReadFile(d.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read = append(d.read, string(text))
	if d.deafTo == "" || !strings.Contains(string(text), d.deafTo) {
		d.info = *seen.Reloaded(d.info, seen.DaemonJSON(d.t, string(text)).Doc)
	}
	return nil
}

func (d *fakeDockerd) Restart(context.Context, string) error                     { return errors.New("not this fake's") }
func (d *fakeDockerd) Start(context.Context, string) error                       { return errors.New("not this fake's") }
func (d *fakeDockerd) ResetFailed(context.Context, string) error                 { return nil }
func (d *fakeDockerd) Said(context.Context, string, time.Time) ([]string, error) { return nil, nil }

// changing is a host with text for daemon.json ("" is no file), which a
// running dockerd has read, and what was observed of it.
func changing(t *testing.T, text string) (*Provisioner, *fakeDockerd, host.Observed) {
	t.Helper()
	file := seen.DaemonJSON(t, text)
	file.Path = filepath.Join(t.TempDir(), "docker", "daemon.json")
	file.Target, file.UID, file.GID = file.Path, -1, -1
	if file.Exists {
		if err := errors.Join(os.Mkdir(filepath.Dir(file.Path), 0o755), os.WriteFile(file.Path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	file.NoDir = !file.Exists
	d := &fakeDockerd{t: t, file: file.Path, info: *seen.Reloaded(engine.Info{DefaultRuntime: "runc"}, file.Doc)}
	o := host.Observed{Unit: host.Unit{Name: host.DockerUnit, ActiveState: "active"}, File: file, Engine: &engine.Info{}}
	*o.Engine = d.info
	paths := host.Paths{DaemonJSON: file.Path, Socket: fakedockerd.NewWithSettings(t, d.settings).Socket, State: t.TempDir(), Store: filepath.Join(t.TempDir(), "store"), Link: filepath.Join(t.TempDir(), "runsc")}
	return &Provisioner{Host: host.Host{Paths: paths, Units: d}, Jobs: d, ConfirmWithin: 3 * time.Second}, d, o
}

// upgrade is the plan that writes what an apply with the default would.
func upgrade(o host.Observed, texts ...string) plan.Plan {
	var p plan.Plan
	old := string(o.File.Bytes)
	for _, text := range texts {
		p.Steps = append(p.Steps, plan.WriteDaemonJSON{File: o.File, Old: []byte(old), New: []byte(text)}, plan.Reload{Unit: host.DockerUnit})
		doc, err := daemonjson.Parse([]byte(text))
		if err != nil {
			panic(err)
		}
		name, _ := doc.DefaultRuntime()
		p.Steps = append(p.Steps, plan.Confirm{Settings: plan.Settings{Runtimes: doc.Runtimes(), Default: name}})
		old = text
	}
	return p
}

const (
	oldText = `{"debug": true}`
	newText = `{"debug": true, "runtimes": {"runsc": {"path": "/x/runsc"}}}`
	nowText = `{"debug": true, "runtimes": {"runsc": {"path": "/x/runsc"}}, "default-runtime": "runsc"}`
)

func TestFault_E04_AReloadThatIsNotTakenIsRolledBack(t *testing.T) {
	for _, test := range []struct {
		name   string
		old    string
		deafTo string
		read   []string // by dockerd, in its order
	}{
		{"the runtimes are not taken", oldText, "runsc", []string{newText}},
		{"the default is not taken", oldText, "default-runtime\": \"runsc", []string{newText, nowText, `{"debug": true, "default-runtime": "runc", "runtimes": {}}`}},
		{"there was no file", "", "runsc", []string{newText}},
		{"another default was there", `{"default-runtime": "runc"}`, "runsc", []string{newText}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // a change that is not taken is waited for
			h, d, o := changing(t, test.old)
			d.deafTo = test.deafTo
			_, err := h.apply(t.Context(), upgrade(o, newText, nowText), config.Default(), o)
			var back *RolledBack
			if !errors.As(err, &back) || back.Restore != nil {
				t.Fatalf("got error %v, want a clean *RolledBack", err)
			}
			if said := err.Error(); !strings.Contains(said, "dockerd did not take the change") || !strings.Contains(said, "journalctl -u docker.service") {
				t.Errorf("got error %q, want it to say what dockerd did and where to look", said)
			}
			if diff := cmp.Diff(squeezed(test.read), squeezed(d.read)); diff != "" {
				t.Errorf("daemon.json at each reload (-want +got):\n%s", diff)
			}
			now, err := os.ReadFile(d.file)
			if test.old == "" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got daemon.json %q, %v, want none, as before", now, err)
			}
			if string(now) != test.old {
				t.Errorf("got daemon.json %q\nwant the old one, %q", now, test.old)
			}
			if _, knows := d.info.Runtimes["runsc"]; knows {
				t.Error("got dockerd with the runtime, want it forgotten")
			}
			if left, _ := filepath.Glob(filepath.Join(h.Paths.State, "journal.json")); len(left) != 0 {
				t.Errorf("got %q left, want the journal closed", left)
			}
			if d.info.DefaultRuntime != "runc" {
				t.Errorf("got default runtime %s, want runc again", d.info.DefaultRuntime)
			}
		})
	}
}

func squeezed(texts []string) []string {
	var out []string
	for _, text := range texts {
		out = append(out, strings.Join(strings.Fields(text), ""))
	}
	return out
}

// A default that dockerd did take, and cannot be confirmed with all that
// was wanted, is taken from it again: leaving the key out would not do that.
func TestFault_E04_ADefaultThatWasTakenIsTakenBack(t *testing.T) {
	h, d, o := changing(t, oldText)
	p := upgrade(o, nowText)
	confirm := p.Steps[2].(plan.Confirm)
	confirm.Runtimes = map[string]daemonjson.Runtime{"other": {Path: "/y"}}
	p.Steps[2] = confirm
	_, err := h.apply(t.Context(), p, config.Default(), o)
	var back *RolledBack
	if !errors.As(err, &back) || back.Restore != nil {
		t.Fatalf("got error %v, want a clean *RolledBack", err)
	}
	if d.info.DefaultRuntime != "runc" {
		t.Errorf("got default runtime %s, want runc", d.info.DefaultRuntime)
	}
	if now, err := os.ReadFile(d.file); err != nil || string(now) != oldText {
		t.Errorf("got daemon.json %q, %v, want %q", now, err, oldText)
	}
}

func TestFault_F03_ASignalInTheMiddleUndoesWhatWasWritten(t *testing.T) {
	for _, test := range []struct {
		after string
		read  []string // by dockerd, in its order
	}{
		{"write", nil},
		{"reload", []string{nowText, `{"debug": true, "default-runtime": "runc", "runtimes": {}}`}},
	} {
		t.Run("after "+test.after, func(t *testing.T) {
			h, d, o := changing(t, oldText)
			ctx, cancel := context.WithCancel(t.Context())
			h.Report = func(e Event) {
				if e.Kind == StepDone && e.Step.Kind().Action == test.after {
					cancel()
				}
			}
			_, err := h.apply(ctx, upgrade(o, nowText), config.Default(), o)
			var back *RolledBack
			if !errors.As(err, &back) || !errors.Is(err, context.Canceled) || back.Restore != nil {
				t.Errorf("got error %v, want a clean *RolledBack because of %v", err, context.Canceled)
			}
			if diff := cmp.Diff(squeezed(test.read), squeezed(d.read)); diff != "" {
				t.Errorf("daemon.json at each reload (-want +got):\n%s", diff)
			}
			if now, err := os.ReadFile(d.file); err != nil || string(now) != oldText {
				t.Errorf("got daemon.json %q, %v, want %q", now, err, oldText)
			}
			if d.info.DefaultRuntime != "runc" {
				t.Errorf("got default runtime %s, want runc", d.info.DefaultRuntime)
			}
		})
	}
}

func TestFault_J14_AChangedFileIsNotWritten(t *testing.T) {
	for _, test := range []struct{ name, old, theirs string }{
		{"changed", oldText, `{"debug": false}`},
		{"made", "", `{}`},
		{"emptied", oldText, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, d, o := changing(t, test.old)
			if err := errors.Join(os.MkdirAll(filepath.Dir(d.file), 0o755), os.WriteFile(d.file, []byte(test.theirs), 0o644)); err != nil {
				t.Fatal(err)
			}
			if _, err := h.apply(t.Context(), upgrade(o, newText), config.Default(), o); !errors.Is(err, daemonfile.ErrStale) {
				t.Errorf("got error %v, want %v", err, daemonfile.ErrStale)
			}
			if now, err := os.ReadFile(d.file); err != nil || string(now) != test.theirs || len(d.read) != 0 {
				t.Errorf("got daemon.json %q, %v, after %d reloads, want theirs, %q, and none", now, err, len(d.read), test.theirs)
			}
			if left, err := os.ReadDir(filepath.Dir(d.file)); err != nil || len(left) != 1 {
				t.Errorf("got %v, %v, want nothing but daemon.json", left, err)
			}
		})
	}
}
