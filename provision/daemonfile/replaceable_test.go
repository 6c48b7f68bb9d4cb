package daemonfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/blocked"
)

func TestFault_X24_TheDirectoryIsASymlink(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	err := errors.Join(os.Mkdir(at("real"), 0o755), os.Symlink("real", at("docker")), os.Symlink("gone", at("dangling")),
		os.Mkdir(at("open"), 0o755), os.Chmod(at("open"), 0o777), os.Symlink("open", at("others")))
	for _, dir := range []string{"real", "open"} {
		err = errors.Join(err, os.WriteFile(at(dir+"/daemon.json"), []byte("{}\n"), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	file, err := Read(at("docker/daemon.json"))
	if err != nil || file.Target != at("docker/daemon.json") {
		t.Fatalf("a symlink of ours: got %s, %v", file.Target, err)
	}
	if err := errors.Join(LookReplaceable(file), CheckReplaceable(file), file.Place().Replace(file.Bytes, []byte("{}"))); err != nil {
		t.Errorf("a symlink of ours: got %v, want it replaced", err)
	}
	if info, err := os.Lstat(at("docker")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the symlink is gone: %v, %v", info, err)
	}
	for _, dir := range []string{"dangling", "others"} {
		var refused *blocked.Refused
		if _, err := Read(at(dir + "/daemon.json")); !errors.As(err, &refused) {
			t.Errorf("%s: got %v, want it refused", dir, err)
		}
		// Callers take a missing permission for "run this as root".
		if _, err := Read(at(dir + "/daemon.json")); errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: got %v, which says that root may do more", dir, err)
		}
	}
}

func TestFault_X10_DeclaredFiles(t *testing.T) {
	for _, target := range []string{"/nix/store/abc/daemon.json", "/gnu/store/abc/daemon.json"} {
		for _, exists := range []bool{true, false} {
			if err := LookReplaceable(File{Path: "/etc/docker/daemon.json", Target: target, Exists: exists}); !errors.Is(err, ErrDeclared) {
				t.Errorf("%s: got %v, want ErrDeclared", target, err)
			}
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, "size=1m"); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	for _, path := range []string{filepath.Join(dir, "daemon.json"), filepath.Join(dir, "docker/daemon.json")} {
		if err := LookReplaceable(File{Path: path, Target: path}); !errors.Is(err, ErrDeclared) || !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: got %v, want ErrDeclared and EROFS", path, err)
		}
	}
}
