package provision

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/test/dockerhost"
)

// isOpen reports whether the journal of a change is open.
func (pr *Provisioner) isOpen(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat(pr.State().Journal().Path())
	return err == nil
}

const (
	oldText     = dockerhost.OldText
	newText     = dockerhost.NewText
	defaultText = dockerhost.DefaultText
)

// hostWithDockerd is a Provisioner of dockerhost.New.
func hostWithDockerd(t *testing.T, text string) (*Provisioner, *dockerhost.Dockerd, host.Observed) {
	t.Helper()
	h, d, o := dockerhost.New(t, text)
	return &Provisioner{Host: h, Jobs: d, ConfirmWithin: 3 * time.Second}, d, o
}

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
			d.Ignores = test.ignores
			_, err := pr.apply(t.Context(), dockerhost.Upgrade(o, newText, defaultText), config.Default(), o)
			var back *transaction.RolledBack
			if !errors.As(err, &back) || back.Restore != nil {
				t.Fatalf("got error %v, want a clean *RolledBack", err)
			}
			if said := err.Error(); !strings.Contains(said, "dockerd did not take the change") || !strings.Contains(said, "journalctl -u docker.service") {
				t.Errorf("got error %q, want it to say what dockerd did and where to look", said)
			}
			if diff := cmp.Diff(squeezed(test.read), squeezed(d.Read)); diff != "" {
				t.Errorf("daemon.json at each reload (-want +got):\n%s", diff)
			}
			now, err := os.ReadFile(d.File)
			if test.old == "" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got daemon.json %q, %v, want none, as before", now, err)
			}
			if string(now) != test.old {
				t.Errorf("got daemon.json %q\nwant the old one, %q", now, test.old)
			}
			if _, knows := d.Info.Runtimes["runsc"]; knows {
				t.Error("got dockerd with the runtime, want it removed")
			}
			if left, _ := filepath.Glob(filepath.Join(pr.Paths.State, "journal.json")); len(left) != 0 {
				t.Errorf("got %q left, want the journal closed", left)
			}
			if d.Info.DefaultRuntime != "runc" {
				t.Errorf("got default runtime %s, want runc again", d.Info.DefaultRuntime)
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
	p := dockerhost.Upgrade(o, defaultText)
	confirm := p.Steps[2].(steps.Confirm)
	confirm.Runtimes = map[string]daemonjson.Runtime{"other": {Path: "/y"}}
	p.Steps[2] = confirm
	_, err := pr.apply(t.Context(), p, config.Default(), o)
	var back *transaction.RolledBack
	if !errors.As(err, &back) || back.Restore != nil {
		t.Fatalf("got error %v, want a clean *RolledBack", err)
	}
	if d.Info.DefaultRuntime != "runc" {
		t.Errorf("got default runtime %s, want runc", d.Info.DefaultRuntime)
	}
	if now, err := os.ReadFile(d.File); err != nil || string(now) != oldText {
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
			_, err := pr.apply(ctx, dockerhost.Upgrade(o, defaultText), config.Default(), o)
			var back *transaction.RolledBack
			if !errors.As(err, &back) || !errors.Is(err, context.Canceled) || back.Restore != nil {
				t.Errorf("got error %v, want a clean *RolledBack because of %v", err, context.Canceled)
			}
			if diff := cmp.Diff(squeezed(test.read), squeezed(d.Read)); diff != "" {
				t.Errorf("daemon.json at each reload (-want +got):\n%s", diff)
			}
			if now, err := os.ReadFile(d.File); err != nil || string(now) != oldText {
				t.Errorf("got daemon.json %q, %v, want %q", now, err, oldText)
			}
			if d.Info.DefaultRuntime != "runc" {
				t.Errorf("got default runtime %s, want runc", d.Info.DefaultRuntime)
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
			if err := errors.Join(os.MkdirAll(filepath.Dir(d.File), 0o755), os.WriteFile(d.File, []byte(test.theirs), 0o644)); err != nil {
				t.Fatal(err)
			}
			if _, err := pr.apply(t.Context(), dockerhost.Upgrade(o, newText), config.Default(), o); !errors.Is(err, daemonfile.ErrStale) {
				t.Errorf("got error %v, want %v", err, daemonfile.ErrStale)
			}
			if now, err := os.ReadFile(d.File); err != nil || string(now) != test.theirs || len(d.Read) != 0 {
				t.Errorf("got daemon.json %q, %v, after %d reloads, want theirs, %q, and none", now, err, len(d.Read), test.theirs)
			}
			if left, err := os.ReadDir(filepath.Dir(d.File)); err != nil || len(left) != 1 {
				t.Errorf("got %v, %v, want nothing but daemon.json", left, err)
			}
		})
	}
}
