package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// makeLockedDir makes a directory under a new name and locks it. If a Sweep in
// between finds it unlocked and removes it, makeHeld makes another one.
func makeLockedDir(name func() string, mode fs.FileMode) (dir string, held *os.File, err error) {
	const tries = 100
	for range tries {
		dir = name()
		if err := os.Mkdir(dir, mode); err != nil {
			return "", nil, err
		}
		held, err = lockDir(dir, unix.LOCK_EX)
		switch {
		case err == nil:
			return dir, held, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", nil, errors.Join(err, os.Remove(dir))
		}
	}
	return "", nil, fmt.Errorf("make %s: another process keeps removing it", dir)
}

// lockDir locks the directory at path, as flock(2) does with how. The kernel
// unlocks it when the file is closed or this process ends in any way. The error
// is fs.ErrNotExist if the directory was removed before it was locked, and
// unix.EWOULDBLOCK if it is in use.
func lockDir(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(&fs.PathError{Op: "lock", Path: path, Err: err}, f.Close())
	}
	locked, err := f.Stat()
	if err == nil {
		var there fs.FileInfo
		if there, err = os.Lstat(path); err == nil && !os.SameFile(locked, there) {
			err = &fs.PathError{Op: "lock", Path: path, Err: fs.ErrNotExist}
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
