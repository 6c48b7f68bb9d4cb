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
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/test/seen"
)

// fakeDockerd shows its settings on a unix socket. At each reload it reads daemon.json,
// unless it ignores the text.
type fakeDockerd struct {
	t       *testing.T
	file    string
	ignores string // texts that contain this are ignored, without an error

	mu   sync.Mutex
	info engine.Info
	read []string // daemon.json at each reload
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

// Unit makes fakeDockerd the systemd that runs it as well.
func (d *fakeDockerd) Unit(_ context.Context, name string) (host.Unit, error) {
	return host.Unit{Name: name, LoadState: "loaded", ActiveState: "active", ExecStart: []string{"/nowhere/dockerd"}}, nil
}

// Reload succeeds whether or not dockerd takes the file, as systemd does.
func (d *fakeDockerd) Reload(context.Context, string) error {
	text, err := os.ReadFile(d.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read = append(d.read, string(text))
	if d.ignores == "" || !strings.Contains(string(text), d.ignores) {
		d.info = *seen.Reloaded(d.info, seen.DaemonJSON(d.t, string(text)).Doc)
	}
	return nil
}

func (d *fakeDockerd) Restart(context.Context, string) error {
	return errors.New("not part of this fake")
}
func (d *fakeDockerd) Start(context.Context, string) error {
	return errors.New("not part of this fake")
}
func (d *fakeDockerd) ResetFailed(context.Context, string) error                 { return nil }
func (d *fakeDockerd) Said(context.Context, string, time.Time) ([]string, error) { return nil, nil }

// hostWithDockerd returns a host whose dockerd has read text as daemon.json ("" is no file), and
// its observation.
func hostWithDockerd(t *testing.T, text string) (*Provisioner, *fakeDockerd, host.Observed) {
	t.Helper()
	file := seen.DaemonJSON(t, text)
	file.Path = filepath.Join(t.TempDir(), "docker", "daemon.json")
	file.Target, file.UID, file.GID = file.Path, -1, -1
	if file.Exists {
		if err := errors.Join(os.Mkdir(filepath.Dir(file.Path), 0o755), os.WriteFile(file.Path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	file.DirMissing = !file.Exists
	d := &fakeDockerd{t: t, file: file.Path, info: *seen.Reloaded(engine.Info{DefaultRuntime: "runc"}, file.Doc)}
	o := host.Observed{Unit: host.Unit{Name: host.DockerUnit, ActiveState: "active"}, File: file, Engine: &engine.Info{}}
	*o.Engine = d.info
	paths := host.Paths{DaemonJSON: file.Path, Socket: fakedockerd.NewWithSettings(t, d.settings).Socket, State: t.TempDir(), Store: filepath.Join(t.TempDir(), "store"), Link: filepath.Join(t.TempDir(), "runsc")}
	return &Provisioner{Host: host.Host{Paths: paths, Units: d}, Jobs: d, ConfirmWithin: 3 * time.Second}, d, o
}

// upgrade is a plan that writes texts, with a reload and a confirmation after each.
func upgrade(o host.Observed, texts ...string) plan.Plan {
	var p plan.Plan
	old := string(o.File.Bytes)
	for _, text := range texts {
		p.Steps = append(p.Steps, steps.WriteDaemonJSON{File: o.File, Old: []byte(old), New: []byte(text)}, steps.Reload{Unit: host.DockerUnit})
		doc, err := daemonjson.Parse([]byte(text))
		if err != nil {
			panic(err)
		}
		name, _ := doc.DefaultRuntime()
		p.Steps = append(p.Steps, steps.Confirm{Settings: steps.Settings{Runtimes: doc.Runtimes(), Default: name}})
		old = text
	}
	return p
}

const (
	oldText     = `{"debug": true}`
	newText     = `{"debug": true, "runtimes": {"runsc": {"path": "/x/runsc"}}}`
	defaultText = `{"debug": true, "runtimes": {"runsc": {"path": "/x/runsc"}}, "default-runtime": "runsc"}`
)

func TestFault_E04_AReloadThatDockerdIgnoresIsRolledBack(t *testing.T) {
	for _, test := range []struct {
		name    string
		old     string
		ignores string
		read    []string // by dockerd, in order
	}{
		{"the runtimes are not taken", oldText, "runsc", []string{newText}},
		{"the default is not taken", oldText, "default-runtime\": \"runsc", []string{newText, defaultText, `{"debug": true, "default-runtime": "runc", "runtimes": {}}`}},
		{"there was no file", "", "runsc", []string{newText}},
		{"daemon.json had another default", `{"default-runtime": "runc"}`, "runsc", []string{newText}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // it waits for a change that dockerd does not take
			pr, d, o := hostWithDockerd(t, test.old)
			d.ignores = test.ignores
			_, err := pr.apply(t.Context(), upgrade(o, newText, defaultText), config.Default(), o)
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
				t.Error("got dockerd with the runtime, want it removed")
			}
			if left, _ := filepath.Glob(filepath.Join(pr.Paths.State, "journal.json")); len(left) != 0 {
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

// dockerd has taken a default, but other settings of the plan cannot be confirmed. The way
// back names the old default: without the key, dockerd would keep the new one.
func TestFault_E04_ANewDefaultIsUndone(t *testing.T) {
	pr, d, o := hostWithDockerd(t, oldText)
	p := upgrade(o, defaultText)
	confirm := p.Steps[2].(steps.Confirm)
	confirm.Runtimes = map[string]daemonjson.Runtime{"other": {Path: "/y"}}
	p.Steps[2] = confirm
	_, err := pr.apply(t.Context(), p, config.Default(), o)
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
		read  []string // by dockerd, in order
	}{
		{"write", nil},
		{"reload", []string{defaultText, `{"debug": true, "default-runtime": "runc", "runtimes": {}}`}},
	} {
		t.Run("after "+test.after, func(t *testing.T) {
			pr, d, o := hostWithDockerd(t, oldText)
			ctx, cancel := context.WithCancel(t.Context())
			pr.Report = func(e Event) {
				if e.Kind == StepDone && e.Step.Kind().Action == test.after {
					cancel()
				}
			}
			_, err := pr.apply(ctx, upgrade(o, defaultText), config.Default(), o)
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
			pr, d, o := hostWithDockerd(t, test.old)
			if err := errors.Join(os.MkdirAll(filepath.Dir(d.file), 0o755), os.WriteFile(d.file, []byte(test.theirs), 0o644)); err != nil {
				t.Fatal(err)
			}
			if _, err := pr.apply(t.Context(), upgrade(o, newText), config.Default(), o); !errors.Is(err, daemonfile.ErrStale) {
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
