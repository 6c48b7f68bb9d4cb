package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNoInodes means that a file system has room, but no inodes for more files.
var ErrNoInodes = fmt.Errorf("no inodes are left: %w", unix.ENOSPC)

// OpWriteIn is the Op of the errors of CannotWrite, which have the path of a directory.
const OpWriteIn = "write in"

// CannotWrite returns why root could not write files in dir, or make dir; nil if
// nothing is known to prevent it. It writes nothing, not even a probe, and asks
// the kernel for each thing by itself: the mount, the file system, its free
// blocks and inodes, the attributes of the directory. Errors are *fs.PathError with
// EROFS, ENOSPC, EPERM, ENOTDIR or ErrNoInodes, or an *ImmutableError. They name
// the directory that exists: dir or the closest one above it.
func CannotWrite(dir string) error {
	at, err := closest(dir)
	if err != nil {
		return err
	}
	cannot := func(err error) error { return &fs.PathError{Op: OpWriteIn, Path: at, Err: err} }
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		return cannot(err)
	}
	switch {
	case st.Flags&unix.ST_RDONLY != 0: // of the mount or of the file system (statfs(2))
		return cannot(unix.EROFS)
	case st.Blocks > 0 && st.Bfree == 0:
		return cannot(unix.ENOSPC)
	case st.Files > 0 && st.Ffree == 0: // btrfs and others have 0 Files
		return cannot(ErrNoInodes)
	}
	if fixed, err := immutable(at); err == nil && fixed {
		return &ImmutableError{Path: at}
	}
	if os.Geteuid() != 0 {
		return nil // access(2) would speak of this user, not of root
	}
	if err := unix.Access(at, unix.W_OK|unix.X_OK); err != nil {
		return cannot(err)
	}
	return nil
}

// closest returns dir, or the closest directory above it that exists. The error is a
// *fs.PathError if something other than a directory is in the way.
func closest(dir string) (string, error) {
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return filepath.EvalSymlinks(dir)
		case err == nil:
			return "", &fs.PathError{Op: OpWriteIn, Path: dir, Err: unix.ENOTDIR}
		case errors.Is(err, unix.ENOTDIR): // a file above it
		case !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir):
			return "", err
		default:
			if _, err := os.Lstat(dir); err == nil {
				return "", &fs.PathError{Op: OpWriteIn, Path: dir, Err: errors.New("a symlink to a missing directory")}
			}
		}
		dir = filepath.Dir(dir)
	}
}

// CannotReplace is CannotWrite for the file at path, which may be missing. It also
// returns a *MountError or an *ImmutableError. What only a probe can show, such as
// a quota or an attribute that cannot be set, is for CanReplace.
func CannotReplace(path string) error {
	path = resolveDir(path)
	mount, err := mountAt(path)
	if err != nil {
		return err
	}
	if mount != "" {
		return &MountError{Path: path, Source: mount}
	}
	if fixed, err := immutable(path); err == nil && fixed {
		return &ImmutableError{Path: path}
	}
	return CannotWrite(filepath.Dir(path))
}
