// Package durable puts files, links and directories in place so that a crash
// at any instant leaves the old one or the complete new one, and a power loss
// after a return leaves the new one.
//
// It never truncates a file that is in use, never follows a symlink in the
// last element of a path, and never leaves a temporary file behind when it
// returns an error.
package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/failpoint"
)

// tempMark is in the name of every temporary file, so that leftovers of a
// killed run can be told from other people's files.
const tempMark = ".runsc-provisioner-"

// Attr is what a written file looks like to others.
type Attr struct {
	Mode fs.FileMode // permission bits; whatever the umask, the file has them
	UID  int         // owner; -1 leaves the caller's
	GID  int         // group; -1 leaves the caller's
	// Like, when set, is an existing file whose extended attributes (among
	// them POSIX ACLs and security labels) the new file gets too. One that
	// cannot be set is an error: nothing is dropped silently.
	Like string
	// New has the file put only where there is none: one that another program has
	// made meanwhile stays, and the error is fs.ErrExist. On a file system that
	// cannot do that it is looked for right before.
	New bool
	// Before, when set, runs after everything was written and synced and
	// right before the rename. Its error stops the rename.
	Before func() error
}

// Plain is the Attr of a file of root's own with the given permission bits.
func Plain(mode fs.FileMode) Attr { return Attr{Mode: mode, UID: -1, GID: -1} }

// WriteFile puts data at path: a temporary file beside it, mode, owner and
// attributes, fsync, rename, fsync of the directory. The error of Before is
// returned as it is, any other names the act and the path.
func WriteFile(path string, data []byte, attr Attr) error {
	name := filepath.Base(path)
	failpoint.Here("write " + name + ": before the temporary file")
	f, err := createTemp(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	temp := f.Name()
	err = fill(f, name, data, attr)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return discard(temp, fmt.Errorf("write %s: %w", path, err))
	}
	if attr.Before != nil {
		if err := attr.Before(); err != nil {
			return discard(temp, err)
		}
	}
	failpoint.Here("write " + name + ": before the rename")
	if err := rename(temp, path, attr.New); err != nil {
		return discard(temp, fmt.Errorf("write %s: %w", path, err))
	}
	failpoint.Here("write " + name + ": after the rename, not synced")
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	failpoint.Here("write " + name + ": after the rename, synced")
	return nil
}

func rename(from, to string, fresh bool) error {
	if !fresh {
		return os.Rename(from, to)
	}
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return unix.EEXIST
	}
	return os.Rename(from, to)
}

// fill writes all of a temporary file that is to be called name.
func fill(f *os.File, name string, data []byte, attr Attr) error {
	failpoint.Here("write " + name + ": the temporary file is there")
	if _, err := f.Write(data); err != nil {
		return err
	}
	failpoint.Here("write " + name + ": written")
	if attr.UID >= 0 || attr.GID >= 0 {
		if err := f.Chown(attr.UID, attr.GID); err != nil {
			return err
		}
	}
	// The mode comes before the attributes: chmod rewrites the mask of an ACL.
	if err := f.Chmod(attr.Mode); err != nil {
		return err
	}
	failpoint.Here("write " + name + ": owner and mode set")
	if attr.Like != "" {
		if err := copyXattrs(attr.Like, f); err != nil {
			return err
		}
	}
	failpoint.Here("write " + name + ": not synced")
	return f.Sync()
}

// Symlink makes path a symlink to target in one step, replacing whatever
// non-directory is there. The caller decides whether that may be replaced.
func Symlink(target, path string) error {
	temp, name := tempName(path), filepath.Base(path)
	failpoint.Here("link " + name + ": before the temporary link")
	if err := os.Symlink(target, temp); err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	failpoint.Here("link " + name + ": before the rename")
	if err := os.Rename(temp, path); err != nil {
		return discard(temp, fmt.Errorf("link %s: %w", path, err))
	}
	failpoint.Here("link " + name + ": after the rename, not synced")
	return SyncDir(filepath.Dir(path))
}

// Rename moves from to to and syncs both parent directories.
func Rename(from, to string) error {
	failpoint.Here("move a directory: before the rename")
	if err := os.Rename(from, to); err != nil {
		return err
	}
	failpoint.Here("move a directory: after the rename, not synced")
	a, b := filepath.Dir(from), filepath.Dir(to)
	if a == b {
		return SyncDir(a)
	}
	return errors.Join(SyncDir(b), SyncDir(a))
}

// MkdirAll makes dir and the parents it lacks, each with exactly perm
// whatever the umask, and syncs the directory each was made in.
func MkdirAll(dir string, perm fs.FileMode) error {
	if info, err := os.Stat(dir); err == nil {
		if info.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("not a directory")}
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	failpoint.Here("make " + filepath.Base(dir) + ": made, mode not set")
	if err := os.Chmod(dir, perm); err != nil {
		return err
	}
	failpoint.Here("make " + filepath.Base(dir) + ": made, not synced")
	return SyncDir(parent)
}

// Remove removes a file that may be gone already. It syncs nothing: where a
// power loss may not bring the file back, SyncDir comes after it.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// SyncDir makes renames, creations and removals in dir outlive a power loss:
// rename(2) alone orders nothing on most file systems.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

func createTemp(path string) (*os.File, error) {
	return os.OpenFile(tempName(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func tempName(path string) string {
	return filepath.Join(filepath.Dir(path), tempPrefix(path)+rand.Text())
}

func tempPrefix(path string) string { return "." + filepath.Base(path) + tempMark }

func discard(temp string, err error) error {
	return errors.Join(err, os.Remove(temp))
}
