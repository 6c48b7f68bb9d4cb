package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWriteFileKeepsModeWhateverTheUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o755} {
		path := filepath.Join(t.TempDir(), "file")
		if err := WriteFile(path, []byte("x"), Plain(mode)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != mode {
			t.Errorf("mode: got %o, want %o", got, mode)
		}
	}
}

func TestWriteFileKeepsAttributesOfTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(path, "user.origin", []byte("kept"), 0); err != nil {
		t.Skipf("file system without user attributes: %v", err)
	}
	if err := WriteFile(path, []byte("new"), Attr{Mode: 0o640, UID: -1, GID: -1, Like: path}); err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 16)
	n, err := unix.Getxattr(path, "user.origin", value)
	if err != nil || string(value[:n]) != "kept" {
		t.Errorf("user.origin: got %q, %v, want %q", value[:max(n, 0)], err, "kept")
	}
}

func TestWriteFileStoppedBeforeTheRenameLeavesTheOldFileAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	attr := Plain(0o644)
	attr.Before = func() error { return stop }
	if err := WriteFile(path, []byte("new"), attr); !errors.Is(err, stop) {
		t.Fatalf("error: got %v, want %v", err, stop)
	}
	assertOnly(t, dir, "file")
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("content: got %q, want %q", got, "old")
	}
}

func TestSymlinkReplacesInOneStep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "link")
	for _, target := range []string{"one", "two"} {
		if err := Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		if got, err := os.Readlink(path); err != nil || got != target {
			t.Errorf("link: got %q, %v, want %q", got, err, target)
		}
	}
	assertOnly(t, dir, "link")
}

func TestSymlinkOverADirectoryIsRefusedAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Symlink("x", path); err == nil {
		t.Fatal("a directory was replaced by a link")
	}
	assertOnly(t, dir, "taken")
}

func TestMkdirAllGivesEachNewDirectoryItsModeWhateverTheUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	root := t.TempDir()
	if err := MkdirAll(filepath.Join(root, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"a", "a/b"} {
		info, err := os.Stat(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o755 {
			t.Errorf("mode of %s: got %o, want 755", dir, got)
		}
	}
}

func assertOnly(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("entries of %s: got %v, want only %q", dir, entries, name)
	}
}

func TestRenameNewReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, path := range []string{from, to} {
		if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := RenameNew(from, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != to {
		t.Errorf("got %q, %v, want it unchanged", got, err)
	}
	if err := errors.Join(os.Remove(to), RenameNew(from, to)); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != from {
		t.Errorf("got %q, %v, want it renamed", got, err)
	}
}
