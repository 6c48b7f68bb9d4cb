package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// MountError means that a file is a mount point, which rename(2) does not
// replace (EBUSY).
type MountError struct {
	Path   string
	Source string // what is mounted there: a path within a file system, and its device
}

func (e *MountError) Error() string { return e.Path + " is a mount of " + e.Source }

// ImmutableError means that a file or its directory has an attribute that keeps
// even root from replacing the file (chattr +i or +a).
type ImmutableError struct{ Path string }

func (e *ImmutableError) Error() string { return e.Path + " is immutable or append-only" }

// CanReplace checks whether WriteFile could replace the file at path. It does
// everything that WriteFile does except the rename, and leaves nothing behind.
// So it returns WriteFile's errors, for example if an attribute cannot be set
// or the file system is full or read-only. What would fail only at the rename
// is a *MountError or an *ImmutableError.
func CanReplace(path string, attr Attr) error {
	path = resolveDir(path)
	if mount, err := mountAt(path); err != nil || mount != "" {
		if err != nil {
			return err
		}
		return &MountError{Path: path, Source: mount}
	}
	for _, at := range []string{filepath.Dir(path), path} {
		fixed, err := immutable(at)
		if err != nil {
			return fmt.Errorf("check %s: %w", at, err)
		}
		if fixed {
			return &ImmutableError{Path: at}
		}
	}
	f, err := createTemp(path)
	if err != nil {
		return fmt.Errorf("write beside %s: %w", path, err)
	}
	err = fill(f, filepath.Base(path), nil, attr)
	err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	if err != nil {
		return fmt.Errorf("write beside %s: %w", path, err)
	}
	return nil
}

// resolveDir is path with the symlinks in its directory followed, which mount points
// and attributes are asked without. The last element is not followed.
func resolveDir(path string) string {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return path // the caller finds out why
	}
	return filepath.Join(dir, filepath.Base(path))
}

// linux/fs.h
const (
	flagImmutable = 0x10 // FS_IMMUTABLE_FL
	flagAppend    = 0x20 // FS_APPEND_FL
)

// immutable reports whether path has a flag that prevents a rename over it or,
// for a directory, over its files. A file system without flags has none.
func immutable(path string) (bool, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return false, nil
	}
	return flags&(flagImmutable|flagAppend) != 0, err
}
