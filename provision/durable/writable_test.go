package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFault_X10_CannotWriteLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	file, dangling := filepath.Join(dir, "file"), filepath.Join(dir, "dangling")
	if err := errors.Join(os.WriteFile(file, nil, 0o644), os.Symlink(filepath.Join(dir, "gone"), dangling)); err != nil {
		t.Fatal(err)
	}
	stamp := func() (st unix.Stat_t) {
		if err := unix.Stat(dir, &st); err != nil {
			t.Fatal(err)
		}
		return st
	}
	before := stamp()
	for _, test := range []struct {
		path string
		ok   bool
	}{
		{dir, true},
		{filepath.Join(dir, "a/b/c"), true},
		{file, false},
		{filepath.Join(file, "below"), false},
		{dangling, false},
		{filepath.Join(dangling, "below"), false},
	} {
		if err := CannotWrite(test.path); (err == nil) != test.ok {
			t.Errorf("%s: got %v, want ok %v", test.path, err, test.ok)
		}
	}
	if err := CannotReplace(file); err != nil {
		t.Errorf("got %v, want a file that can be replaced", err)
	}
	if after := stamp(); after.Ctim != before.Ctim || after.Mtim != before.Mtim {
		t.Error("the directory was written to")
	}
}

func TestFault_X10_CannotWriteOnMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	for _, test := range []struct {
		name string
		data string
		flag uintptr
		use  func(dir string)
		want error
	}{
		{"writable", "size=1m", 0, nil, nil},
		{"read-only", "size=1m", unix.MS_RDONLY, nil, unix.EROFS},
		{"no inodes", "size=1m,nr_inodes=2", 0, func(dir string) { _ = os.WriteFile(filepath.Join(dir, "last"), nil, 0o644) }, ErrNoInodes},
		{"full", "size=4k", 0, func(dir string) { _ = os.WriteFile(filepath.Join(dir, "last"), make([]byte, 4096), 0o644) }, unix.ENOSPC},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := unix.Mount("tmpfs", dir, "tmpfs", test.flag, test.data); err != nil {
				t.Skipf("mount: %v", err)
			}
			t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
			if test.use != nil {
				test.use(dir)
			}
			for _, path := range []string{dir, filepath.Join(dir, "a/b")} {
				if got := CannotWrite(path); !errors.Is(got, test.want) || (got == nil) != (test.want == nil) {
					t.Errorf("%s: got %v, want %v", path, got, test.want)
				}
			}
		})
	}
}
