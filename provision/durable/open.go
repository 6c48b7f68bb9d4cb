package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OpenRegular opens a regular file to read it. It follows symlinks. Anything else is an
// error: a FIFO would wait for its other end, and the mere opening of a device may do
// something. A symlink to a missing file is an error too, and not fs.ErrNotExist: the file
// that it names may be on a file system that is not mounted.
func OpenRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		if _, linkErr := os.Lstat(path); linkErr == nil && errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read %s: it is a symlink to a missing file", path)
		}
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(path, info.Mode())
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	// Another program may have replaced the file since.
	info, err = f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(path, info.Mode())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func notRegular(path string, mode fs.FileMode) error {
	return fmt.Errorf("read %s: it is %s, not a regular file", path, KindOf(mode))
}

// KindOf names the type of a file in words, such as "a FIFO".
func KindOf(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a regular file"
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a symlink"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return mode.Type().String()
}

// OpenOwn is OpenRegular for a file of this program that no other user may change: it does
// not follow a symlink, and a file that belongs to another user, or that others may write
// to, is an *UnsafeError.
func OpenOwn(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(path, info.Mode())
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	switch info, err = f.Stat(); {
	case err != nil:
	case !info.Mode().IsRegular():
		err = notRegular(path, info.Mode())
	default:
		err = CheckOwn(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// CheckOwn returns an *UnsafeError if a user other than root and the user of this process
// could write to the file at path.
func CheckOwn(path string, info fs.FileInfo) error {
	return asError(whoWrites(path, info, trusted(os.Geteuid())))
}

// OpenDirIn opens the directory that a path leads to in another root file system, as a process with that root sees it:
// no symlink leads out of it, or to what is mounted in it.
func OpenDirIn(root, path string) (*os.File, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: root, Err: err}
	}
	defer unix.Close(dir)
	how := &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_XDEV}
	found, err := unix.Openat2(dir, path, how)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: filepath.Join(root, path), Err: err}
	}
	return os.NewFile(uintptr(found), filepath.Join(root, path)), nil
}
