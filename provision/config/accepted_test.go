package config

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestAccepted(t *testing.T) {
	dir := t.TempDir()
	h := Files{State: dir, Config: filepath.Join(dir, "etc")}
	if got := h.Accepted(); got.Found || got.Damage != nil {
		t.Errorf("without a record: got found %v, damage %v", got.Found, got.Damage)
	}
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := `[release]
version = "20260914.0"
sha512 = { "gvisor.tar.zstd" = "` + hex128() + `" }
[docker]
default_runtime = "kvm"
userns_remap = "default"
[docker.runtimes.kvm]
args = ["--platform=kvm"]
[docker.runtimes.runsc]
args = []
[enforce]
max_disruption = "restart"
interval = "90s"
allow_images = ["sha256:` + hex128()[:64] + `"]
[metrics]
listen = "127.0.0.1:9617"
`
	if err := os.WriteFile(filepath.Join(dir, "etc", "config.toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := Load(h.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Accept(l); err != nil {
		t.Fatal(err)
	}
	got := h.Accepted()
	if got.Damage != nil || !got.Found {
		t.Fatal(got.Found, got.Damage)
	}
	if diff := cmp.Diff(l, got.Layered); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(h.AcceptedPath()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want it for root only", info.Mode(), err)
	}
	// A record from before the first format version is read as version 1.
	old, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.AcceptedPath(), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := h.Accepted(); !got.Found || got.Damage != nil || !cmp.Equal(l, got.Layered) {
		t.Errorf("without a version: got %v, %v", got.Found, got.Damage)
	}
}

func hex128() string {
	digits := make([]byte, 128)
	for i := range digits {
		digits[i] = "0123456789abcdef"[i%16]
	}
	return string(digits)
}

func TestLost(t *testing.T) {
	set := func(keys ...string) Layered {
		l := Layered{Sources: map[string]string{}}
		for _, key := range keys {
			l.Sources[key] = "config.toml"
		}
		return l
	}
	for _, test := range []struct {
		name          string
		before, after Layered
		want          []string
	}{
		{"the same", set("docker.default_runtime"), set("docker.default_runtime"), nil},
		{"more", set("docker.default_runtime"), set("docker.default_runtime", "release.version"), nil},
		{"less", set("docker.default_runtime", "enforce.unsandboxed", "release.version"), set("release.version"), []string{"docker.default_runtime", "enforce.unsandboxed"}},
		{"metrics do not count", set("metrics.listen"), set(), nil},
		{"an empty table that has a key now", set("docker.runtimes.runsc"), set("docker.runtimes.runsc.args"), nil},
		{"a table that is empty now", set("docker.runtimes.runsc.args"), set("docker.runtimes.runsc"), []string{"docker.runtimes.runsc.args"}},
	} {
		if diff := cmp.Diff(test.want, test.after.Lost(test.before)); diff != "" {
			t.Errorf("%s: lost (-want +got):\n%s", test.name, diff)
		}
	}
}

// A missing runtime is lost, even if the name of another runtime begins with its name.
func TestLost_ARuntimeIsNotFoundInALongerName(t *testing.T) {
	before := Layered{Sources: map[string]string{"docker.runtimes.gv": "config.toml"}}
	after := Layered{Sources: map[string]string{"docker.runtimes.gvisor.args": "config.toml"}}
	if lost := after.Lost(before); !slices.Equal(lost, []string{"docker.runtimes.gv"}) {
		t.Errorf("got lost keys %q, want docker.runtimes.gv", lost)
	}
}

func TestFault_X22_TheCopyIsDamaged(t *testing.T) {
	for what, damage := range map[string]func(path string) error{
		"garbage":   func(path string) error { return os.WriteFile(path, []byte("\x00garbage"), 0o600) },
		"newer":     func(path string) error { return os.WriteFile(path, []byte(`{"version": 99}`), 0o600) },
		"directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"FIFO":      func(path string) error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)) },
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			f := Files{State: dir, Config: filepath.Join(dir, "etc")}
			l := Layered{Config: Default(), Sources: map[string]string{}}
			if err := f.Accept(l); err != nil {
				t.Fatal(err)
			}
			if err := damage(f.AcceptedCopyPath()); err != nil {
				t.Fatal(err)
			}
			got := f.Accepted()
			e, ok := errors.AsType[*RecordError](got.Damage)
			if !ok || e.Path != f.AcceptedCopyPath() || !e.Found || e.Newer || !got.Found {
				t.Errorf("got found %v, damage %#v, want the record, and the copy named", got.Found, got.Damage)
			}
			if err := f.Accept(l); err != nil {
				t.Fatal(err)
			}
			if got := f.Accepted(); !got.Found || got.Damage != nil {
				t.Errorf("after Accept: got found %v, damage %v", got.Found, got.Damage)
			}
		})
	}
}
