package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
)

func TestFault_X17_AConfigurationThatOthersMayChangeIsRefused(t *testing.T) {
	for _, test := range []struct{ situation, path string }{
		{"the directory", "."},
		{"the file", "config.toml"},
		{"the directory of drop-ins", "config.d"},
		{"a drop-in", "config.d/50-apply.toml"},
		{"a directory of drop-ins that is empty", "config.d"},
	} {
		t.Run(test.situation, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "config.d"), 0o755); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(dir, "config.toml"), "")
			if !strings.Contains(test.situation, "empty") {
				put(t, filepath.Join(dir, "config.d/50-apply.toml"), "")
			}
			path := filepath.Join(dir, test.path)
			for _, mode := range []os.FileMode{0o775, 0o757} {
				if _, err := Load(dir); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
				_, err := Load(dir)
				var refused *Error
				var unsafe *durable.UnsafeError
				if !errors.As(err, &refused) || refused.Source != path || !errors.As(err, &unsafe) || unsafe.Remedy != "sudo chmod go-w "+path {
					t.Errorf("mode %o: got %v, want %s refused, and the command", mode, err, path)
				}
				if err := os.Chmod(path, 0o755); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestFault_X11_AnythingInPlaceOfTheConfiguration(t *testing.T) {
	for name, occupy := range map[string]func(path string) error{
		"a FIFO":             func(p string) error { return unix.Mkfifo(p, 0o600) },
		"a dangling symlink": func(p string) error { return os.Symlink("/nowhere/at/all", p) },
		"a symlink to itself": func(p string) error {
			return os.Symlink(filepath.Base(p), p)
		},
		"too large": func(p string) error { return errors.Join(os.WriteFile(p, nil, 0o600), os.Truncate(p, 1<<30)) },
	} {
		for _, at := range []string{"config.toml", "config.d", "config.d/50-apply.toml"} {
			dir := t.TempDir()
			if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, at)), 0o755), occupy(filepath.Join(dir, at))); err != nil {
				t.Fatal(err)
			}
			_, err := Load(dir)
			var refused *Error
			if !errors.As(err, &refused) || refused.Source != filepath.Join(dir, at) {
				t.Errorf("%s is %s: got %v, want it refused", at, name, err)
			}
		}
	}
}

func TestFault_X17_ARecordThatOthersMayChangeIsNotBelieved(t *testing.T) {
	h := Files{State: t.TempDir(), Config: t.TempDir()}
	l := Layered{Config: Default(), Sources: map[string]string{"docker.default_runtime": "a"}}
	l.Config.Docker.DefaultRuntime = "runsc"
	if err := errors.Join(h.Accept(l), os.Chmod(h.AcceptedPath(), 0o666)); err != nil {
		t.Fatal(err)
	}
	got := h.Accepted()
	var unsafe *durable.UnsafeError
	if !errors.As(got.Damage, &unsafe) || !got.Found {
		t.Errorf("got %+v, want the copy, and the file refused", got)
	}
	if err := os.Chmod(h.AcceptedCopyPath(), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := h.Accepted(); got.Found || got.Damage == nil {
		t.Errorf("both: got %+v, want none believed", got)
	}
	if err := h.Accept(l); err != nil {
		t.Fatal(err)
	}
	if got := h.Accepted(); !got.Found || got.Damage != nil {
		t.Errorf("written again: got %+v", got)
	}
}

// Both records are gone, and other records show that the host was provisioned.
func TestFault_X22_AMissingRecordOfAProvisionedHostIsSaid(t *testing.T) {
	h := Files{State: t.TempDir(), Config: t.TempDir()}
	in, err := h.InEffect(h.Accepted(), Overrides{}, false)
	if err != nil || in.Missing != "" || in.Warnings() != nil {
		t.Errorf("a new host: got %+v, %v, want nothing said", in.Missing, err)
	}
	record := h.Accepted()
	record.Managed = []string{ItemDefaultRuntime, RuntimeItem("runsc")}
	in, err = h.InEffect(record, Overrides{}, false)
	if err != nil || len(in.Warnings()) != 1 || in.Err() != nil || !in.Acceptable() {
		t.Fatalf("got %+v, %v, want it said once, and no error", in, err)
	}
	now, gone, _ := strings.Cut(in.Missing, "no longer managed: ")
	if !strings.Contains(now, h.AcceptedPath()) || !strings.Contains(now, RuntimeItem("runsc")) || gone != ItemDefaultRuntime {
		t.Errorf("got %q, want what is managed, and that the default runtime no longer is", in.Missing)
	}
}
