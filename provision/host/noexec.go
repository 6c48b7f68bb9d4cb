package host

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// MountedNoExec reports whether path is, or would be made, on a file system that is mounted
// noexec. at is path, or the first directory above it that exists.
func MountedNoExec(path string) (at string, noexec bool, err error) {
	var st unix.Statfs_t
	for at = path; ; at = filepath.Dir(at) {
		err = unix.Statfs(at, &st)
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
	}
	return at, err == nil && st.Flags&unix.ST_NOEXEC != 0, err
}
