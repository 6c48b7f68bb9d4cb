package subid

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// ended returns a context with a deadline that has passed: Lock tries once.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	t.Cleanup(cancel)
	return ctx
}

func TestLock(t *testing.T) {
	etc := t.TempDir()
	unlock, err := Lock(t.Context(), etc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(ended(t), etc); !errors.Is(err, ErrLocked) {
		t.Errorf("a second time: got %v, want %v", err, ErrLocked)
	}
	unlock()
	if unlock, err = Lock(t.Context(), etc); err != nil {
		t.Fatal(err)
	}
	unlock()
	if left, _ := filepath.Glob(filepath.Join(etc, "sub*")); left != nil {
		t.Errorf("got %v left behind", left)
	}
}

func TestLockHeldByAnotherProgram(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		situation, content string
		locked             bool
	}{
		{"of a live process", strconv.Itoa(os.Getpid()) + "\x00", true},
		{"of a dead process", strconv.Itoa(dead.Process.Pid) + "\x00", false},
		{"without a pid", "", true},
	}
	for _, tt := range tests {
		etc := t.TempDir()
		if err := os.WriteFile(filepath.Join(etc, "subgid.lock"), []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		unlock, err := Lock(ended(t), etc)
		if errors.Is(err, ErrLocked) != tt.locked {
			t.Errorf("%s: got %v", tt.situation, err)
		}
		if err == nil {
			unlock()
		}
		if _, err := os.Lstat(filepath.Join(etc, "subuid.lock")); err == nil {
			t.Errorf("%s: the other lock is left", tt.situation)
		}
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "subuid")
	if err := Write(path, "", "a:1:1\n"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, "other", "b:1:1\n"); !errors.Is(err, ErrChanged) {
		t.Errorf("over another text: got %v, want %v", err, ErrChanged)
	}
	if err := Write(path, "a:1:1\n", "a:1:1\nb:2:1\n"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	before, _ := os.ReadFile(path + "-")
	if string(text) != "a:1:1\nb:2:1\n" || string(before) != "a:1:1\n" || info.Mode().Perm() != 0o600 {
		t.Errorf("got %q, before %q, mode %v", text, before, info.Mode())
	}
	link := filepath.Join(t.TempDir(), "subuid")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := Write(link, string(text), "c:1:1\n"); err == nil {
		t.Error("through a symlink: got no error")
	}
}

func TestSweepRemovesOnlyItsOwnFiles(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	gone, lives := strconv.Itoa(dead.Process.Pid), strconv.Itoa(os.Getpid())
	files := map[string]struct {
		content string
		stays   bool
	}{
		"subuid":           {"a:1:1\n", true},
		"subuid." + gone:   {gone + "\x00", false},
		"subuid.lock":      {gone + "\x00", false},
		"subgid." + lives:  {lives + "\x00", true},
		"subgid.lock":      {lives + "\x00", true},
		"subgid.20260914":  {"a user's copy", true},
		"subuid.dpkg-dist": {"", true},
	}
	etc := t.TempDir()
	for name, f := range files {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(f.content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(etc); err != nil {
		t.Fatal(err)
	}
	for name, f := range files {
		if _, err := os.Lstat(filepath.Join(etc, name)); (err == nil) != f.stays {
			t.Errorf("%s: got %v, want it to stay: %t", name, err, f.stays)
		}
	}
}
