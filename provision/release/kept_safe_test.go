package release_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
)

func TestFault_X17_ArchiveThatOthersMayChange(t *testing.T) {
	name := "gvisor.tar.zstd"
	for _, path := range []string{".archive", ".archive/" + wanted, ".archive/" + wanted + "/" + name, ".archive/" + wanted + "/manifest.json"} {
		t.Run(path, func(t *testing.T) {
			r := newRig(t)
			r.publish(t, fakerunsc.Zstd)
			mustInstall(t, r, r.spec(wanted, ""))
			if err := r.store.ArchivesSafe(); err != nil {
				t.Fatalf("before: %v", err)
			}
			at := filepath.Join(r.store.Dir, path)
			info, err := os.Stat(at)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(at, info.Mode().Perm()|0o002); err != nil {
				t.Fatal(err)
			}
			unsafe, ok := errors.AsType[*durable.UnsafeError](r.store.ArchivesSafe())
			if !ok || unsafe.Path != at {
				t.Errorf("ArchivesSafe() = %v, want an UnsafeError of %s", unsafe, at)
			}
			if err := os.Remove(filepath.Join(r.store.Dir, wanted, "runsc")); err != nil {
				t.Fatal(err)
			}
			_, err = r.store.Restore(t.Context(), wanted)
			if _, ok := errors.AsType[*release.RefusedError](err); !ok {
				t.Errorf("Restore() = %v, want it refused", err)
			}
			if _, err := os.Stat(filepath.Join(r.store.Dir, wanted, "runsc")); err == nil {
				t.Error("runsc was restored from an archive that others may change")
			}
		})
	}
}

// A sparse file has any size for nothing, and reading it takes minutes.
func TestFault_X11_ArchiveOfAnotherSize(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	mustInstall(t, r, r.spec(wanted, ""))
	kept := filepath.Join(r.store.Dir, ".archive", wanted, "gvisor.tar.zstd")
	if err := errors.Join(os.Truncate(kept, 1<<42), os.Remove(filepath.Join(r.store.Dir, wanted, "runsc"))); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := r.store.Restore(ctx, wanted)
	if _, ok := errors.AsType[*release.RefusedError](err); !ok {
		t.Errorf("Restore() = %v, want it refused unread", err)
	}
	look, err := r.store.Inspect(ctx, wanted)
	if err != nil || look.Archive == "" {
		t.Errorf("Inspect() = %+v, %v, want the archive named", look, err)
	}
}

// What is in place of .archive costs the repair without a network, and nothing else.
func TestFault_X11_ArchivesAreNoDirectory(t *testing.T) {
	for what, make := range map[string]func(path string) error{
		"FIFO":              func(path string) error { return unix.Mkfifo(path, 0o600) },
		"file":              func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"symlink to a file": func(path string) error { return os.Symlink("/etc/passwd", path) },
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			r.publish(t, fakerunsc.Zstd)
			mustInstall(t, r, r.spec(wanted, ""))
			at := filepath.Join(r.store.Dir, ".archive")
			if err := errors.Join(os.RemoveAll(at), make(at)); err != nil {
				t.Fatal(err)
			}
			if found, err := r.store.List(t.Context()); err != nil || len(found) == 0 {
				t.Fatalf("List() = %v, %v, want the releases", found, err)
			}
			if err := r.store.ArchivesSafe(); err != nil {
				t.Errorf("ArchivesSafe() = %v", err)
			}
			if err := os.Remove(filepath.Join(r.store.Dir, wanted, "runsc")); err != nil {
				t.Fatal(err)
			}
			if _, err := r.store.Restore(t.Context(), wanted); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Restore() = %v, want no archive", err)
			}
			mustInstall(t, r, r.spec(wanted, ""))
			if err := os.Remove(filepath.Join(r.store.Dir, wanted, "runsc")); err != nil {
				t.Fatal(err)
			}
			if _, err := r.store.Restore(t.Context(), wanted); err != nil {
				t.Errorf("after the release was installed again: %v", err)
			}
		})
	}
}
