// Package durable guarantees that a crash at any instant leaves the old file,
// link or directory, or the complete new one, and that a power loss after a
// write has returned leaves the new one.
//
// A write never truncates a file in use, never follows a symlink in the last
// element of a path, and never leaves a temporary file behind when it returns
// an error.
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
	"runsc-provisioner/provision/room"
)

// tempMark is in the name of every temporary file. It distinguishes what a
// killed run left from other programs' files.
const tempMark = ".runsc-provisioner-"

// Attr has the mode, owner and attributes of a file to write, and conditions on
// the write.
type Attr struct {
	Mode fs.FileMode // permission bits, regardless of the umask
	UID  int         // owner; -1 means the caller
	GID  int         // group; -1 means the caller's
	// Like, if set, is an existing file. The new file gets its extended
	// attributes too, including POSIX ACLs and security labels. It is an error
	// if one cannot be set: none is dropped silently.
	Like string
	// New writes the file only if there is none: a file that another program
	// has made meanwhile stays, and the error is fs.ErrExist. On a file system
	// without RENAME_NOREPLACE, a check right before the rename takes its
	// place.
	New bool
	// Before, if set, runs right before the rename, after everything was
	// written and synced. Its error stops the rename.
	Before func() error
}

// Plain returns the Attr of a file of the caller with the given permission
// bits.
func Plain(mode fs.FileMode) Attr { return Attr{Mode: mode, UID: -1, GID: -1} }

// WriteFile puts data at path: a temporary file beside it, mode, owner and
// attributes, fsync, rename, fsync of the directory. It returns the error of
// Before unchanged; any other error names the act and the path.
func WriteFile(path string, data []byte, attr Attr) error {
	name := filepath.Base(path)
	failpoint.Here("write " + name + ": before the temporary file")
	f, err := createTemp(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, room.Explain(err, path, int64(len(data))))
	}
	temp := f.Name()
	err = fill(f, name, data, attr)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		err = room.Explain(err, path, int64(len(data)))
		return discard(temp, fmt.Errorf("write %s: %w", path, err))
	}
	if attr.Before != nil {
		if err := attr.Before(); err != nil {
			return discard(temp, err)
		}
	}
	failpoint.Here("write " + name + ": before the rename")
	if err := rename(temp, path, attr.New); err != nil {
		return discard(temp, fmt.Errorf("write %s: %w", path, room.Explain(err, path, 0)))
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

// fill writes the temporary file of a file called name.
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

// Symlink makes path a symlink to target in one step, and replaces any existing
// file except a directory. The caller decides whether that file may be
// replaced.
func Symlink(target, path string) error {
	temp, name := tempName(path), filepath.Base(path)
	failpoint.Here("link " + name + ": before the temporary link")
	if err := os.Symlink(target, temp); err != nil {
		return fmt.Errorf("link %s: %w", path, room.Explain(err, path, 0))
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

// RenameNew is Rename, but its error wraps fs.ErrExist if there is something at to.
func RenameNew(from, to string) error {
	if err := rename(from, to, true); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return SyncDir(filepath.Dir(to))
}

// MkdirAll makes dir and its missing parents, each with exactly perm regardless
// of the umask, and syncs the parent of each.
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
		return room.Explain(err, dir, 0)
	}
	failpoint.Here("make " + filepath.Base(dir) + ": made, mode not set")
	if err := os.Chmod(dir, perm); err != nil {
		return err
	}
	failpoint.Here("make " + filepath.Base(dir) + ": made, not synced")
	return SyncDir(parent)
}

// Remove removes a file; it is not an error if the file is missing. It syncs
// nothing: call SyncDir if a power loss must not bring the file back.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// SyncDir makes renames, creations and removals in dir survive a power loss:
// rename(2) alone guarantees no order on most file systems.
func SyncDir(dir string) error {
	d, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
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
