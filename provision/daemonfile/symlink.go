package daemonfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/durable"
)

// resolveSymlinks returns the file that path names: path itself, unless that is a symlink. If
// it or a directory above it is a symlink, only root may be able to change the directories
// above it and above its target: anyone else who can controls which file root writes.
func resolveSymlinks(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", &blocked.Refused{Object: path, Err: err}
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", &blocked.Refused{Object: path, Err: err}
	}
	isLink := info.Mode().Type() == fs.ModeSymlink
	if !isLink && filepath.Clean(path) == target {
		return path, nil
	}
	for _, start := range []string{path, target} {
		for dir := filepath.Dir(start); ; dir = filepath.Dir(dir) {
			if err := onlyRootChanges(dir); err != nil {
				return "", blocked.Refuse(path, "is a symlink to %s, and %w", target, err)
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	if !isLink {
		return path, nil
	}
	return target, nil
}

func onlyRootChanges(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	// An *fs.PathError with EPERM would read as "run this as root".
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if owner != 0 && owner != os.Geteuid() {
		return &durable.UnsafeError{Path: dir, Reason: fmt.Sprintf("owned by uid %d", owner)}
	}
	if mode := info.Mode(); mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0 {
		return &durable.UnsafeError{Path: dir, Reason: fmt.Sprintf("mode %04o lets others write", mode.Perm())}
	}
	return nil
}
