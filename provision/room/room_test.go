package room

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/test/need"
)

func TestExplain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EDQUOT} {
		err := Explain(fmt.Errorf("write it: %w", &os.PathError{Op: "write", Path: path, Err: errno}), path, 7)
		lack, ok := errors.AsType[*Error](err)
		if !ok || lack.Path != dir || lack.Need != 7 || !errors.Is(err, errno) {
			t.Errorf("%v: got %+v, want an error of %s", errno, err, dir)
		}
		if again := Explain(fmt.Errorf("around: %w", err), "/elsewhere/file", 8); !errors.Is(again, err) || errors.As(again, &lack) && lack.Path != dir {
			t.Errorf("%v: got %v, want the first path", errno, again)
		}
	}
	other := &os.PathError{Op: "write", Path: path, Err: unix.EIO}
	if err := Explain(other, path, 7); !errors.Is(err, other) || errors.As(err, new(*Error)) {
		t.Errorf("got %v, want it unchanged", err)
	}
}

func TestFault_X24_NoInodesAndReadOnlyAreSeen(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,nr_inodes=2,mode=0755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	if seen, err := Look(dir); err != nil || seen.NoInodes || seen.ReadOnly || seen.Bytes != 1<<20 {
		t.Errorf("got %+v, %v, want 1 MiB", seen, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "last"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var lack *Error
	if err := Check(dir, 1); !errors.As(err, &lack) || !lack.NoInodes {
		t.Errorf("got %v, want no inodes", err)
	}
	writeErr := os.WriteFile(filepath.Join(dir, "more"), nil, 0o644)
	if err := Explain(writeErr, filepath.Join(dir, "more"), 0); !errors.As(err, &lack) || !lack.NoInodes {
		t.Errorf("got %v, want no inodes", err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if seen, err := Look(dir); err != nil || !seen.ReadOnly {
		t.Errorf("got %+v, %v, want it read-only", seen, err)
	}
}
