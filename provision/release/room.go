package release

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// roomFactor is how much room an archive may need, as a multiple of its size:
// itself, and its content of three to four times that.
const roomFactor = 5

// checkRoom returns a *SpaceError if the file system of path has less than need
// bytes for us.
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

// Free returns how many bytes the file system of path has for us, without those
// reserved for root. The path must exist.
func Free(path string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", path, err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// noRoom turns an err about a full disk or quota into a *SpaceError. The file
// at path needs need bytes.
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
