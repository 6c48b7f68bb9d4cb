package release

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// unpacked is how many times its own size an archive may need in all: itself,
// and its content of three to four times that.
const unpacked = 5

// checkRoom gives a *SpaceError when the file system of path has fewer than
// need bytes for us.
func checkRoom(path string, need int64) error {
	have, err := Free(path)
	if err != nil {
		return err
	}
	if have < need {
		return &SpaceError{Path: path, Need: need, Have: have}
	}
	return nil
}

// Free is how many bytes the file system of path has for us: what it keeps
// back for root is not counted. The path has to be there.
func Free(path string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", path, err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// noRoom makes a *SpaceError of err when that is what it says. The file at
// path needs as many bytes.
func noRoom(err error, path string, need int64) error {
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return err
	}
	have, freeErr := Free(filepath.Dir(path))
	if freeErr != nil {
		return err
	}
	return &SpaceError{Path: path, Need: need, Have: have}
}
