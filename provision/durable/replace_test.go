package durable

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/test/need"
)

func existing(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "daemon.json")
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// alone fails the test if the directory of path has any other entry.
func alone(t *testing.T, path string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("got %v, %v, want nothing but %s", left, err, filepath.Base(path))
	}
}

func TestFault_J12_ObstaclesToARename(t *testing.T) {
	need.Root(t)
	for _, test := range []struct {
		name  string
		setup func(t *testing.T, path string)
		check func(path string, err error) bool
	}{
		{"nothing in the way", func(*testing.T, string) {}, func(_ string, err error) bool { return err == nil }},
		{"a bind mount", func(t *testing.T, path string) {
			other := filepath.Join(t.TempDir(), "other file")
			if err := errors.Join(os.WriteFile(other, nil, 0o600), unix.Mount(other, path, "", unix.MS_BIND, "")); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
		}, func(path string, err error) bool {
			var mount *MountError
			return errors.As(err, &mount) && mount.Path == path && strings.Contains(mount.Source, "/other file of ")
		}},
		{"a read-only mount", func(t *testing.T, path string) {
			dir := filepath.Dir(path)
			if err := errors.Join(unix.Mount(dir, dir, "", unix.MS_BIND, ""), unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		}, func(_ string, err error) bool { return errors.Is(err, unix.EROFS) }},
		{"immutable", func(t *testing.T, path string) { chattr(t, path, "i") }, immutableAt("daemon.json")},
		{"append-only", func(t *testing.T, path string) { chattr(t, path, "a") }, immutableAt("daemon.json")},
		{"an immutable directory", func(t *testing.T, path string) { chattr(t, filepath.Dir(path), "i") }, immutableAt("")},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := existing(t)
			test.setup(t, path)
			if err := CanReplace(path, Attr{Mode: 0o600, UID: 0, GID: 0, Like: path}); !test.check(path, err) {
				t.Errorf("got %v", err)
			}
			alone(t, path)
		})
	}
}

func immutableAt(base string) func(string, error) bool {
	return func(path string, err error) bool {
		var fixed *ImmutableError
		return errors.As(err, &fixed) && (fixed.Path == path) == (base != "")
	}
}

func chattr(t *testing.T, path, flag string) {
	t.Helper()
	if out, err := exec.Command("chattr", "+"+flag, path).CombinedOutput(); err != nil {
		t.Fatalf("chattr +%s %s: %v: %s", flag, path, err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("chattr", "-"+flag, path).CombinedOutput(); err != nil {
			t.Errorf("chattr -%s %s: %v: %s", flag, path, err, out)
		}
	})
}

func TestFault_J13_AttributesAreKept(t *testing.T) {
	need.Root(t)
	path := existing(t)
	// An ACL in the kernel's form (linux/posix_acl_xattr.h): u::rw-, u:1000:r--, g::---, m::r--, o::---
	acl := "\x02\x00\x00\x00" + "\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\xe8\x03\x00\x00" + "\x04\x00\x00\x00\xff\xff\xff\xff" +
		"\x10\x00\x04\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"
	attributes := map[string]string{
		"user.note": "theirs", "trusted.note": "root's", "security.note": "a label", "system.posix_acl_access": acl,
	}
	for name, value := range attributes {
		if err := unix.Setxattr(path, name, []byte(value), 0); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("new"), Attr{Mode: info.Mode().Perm(), UID: 0, GID: 0, Like: path}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4096)
	for name, want := range attributes {
		n, err := unix.Getxattr(path, name, got)
		if err != nil || string(got[:n]) != want {
			t.Errorf("%s: got %q, %v, want %q", name, got[:max(n, 0)], err, want)
		}
	}
}

func TestFault_F05_SweepTakesOnlyItsOwn(t *testing.T) {
	path := existing(t)
	dir := filepath.Dir(path)
	ours := []string{filepath.Base(tempName(path)), filepath.Base(tempName(path))}
	theirs := []string{
		"daemon.json", ".daemon.json.swp", ".daemon.json.runsc-provisioner-", ".daemon.json.runsc-provisioner-short",
		".other.json.runsc-provisioner-AAAAAAAAAAAAAAAAAAAAAAAAAA",
	}
	for _, name := range append(theirs[1:], ours[0]) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("x", filepath.Join(dir, ours[1])), os.Mkdir(tempName(path), 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(path); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != len(theirs)+1 {
		t.Errorf("got %v, %v, want %q and a directory", left, err, theirs)
	}
	for _, name := range ours {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			t.Errorf("got %s left, want it gone", name)
		}
	}
	if err := Sweep(filepath.Join(dir, "missing", "file")); err != nil {
		t.Errorf("no directory: got %v, want nil", err)
	}
	file := filepath.Join(dir, "plain")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(filepath.Join(file, "file")); err != nil {
		t.Errorf("a file in its place: got %v, want nil", err)
	}
}

func TestNewFileReplacesNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	attr := Plain(0o644)
	attr.New = true
	if err := WriteFile(path, []byte("ours"), attr); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	// Another program makes the file right before the rename.
	attr.Before = func() error { return os.WriteFile(path, []byte("theirs"), 0o644) }
	if err := WriteFile(path, []byte("ours"), attr); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if got, err := os.ReadFile(path); string(got) != "theirs" {
		t.Errorf("got %q, %v, want theirs", got, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) != 0 {
		t.Errorf("got %q left", left)
	}
}
