package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/archive"
)

// Safe returns an *UnsafeError if another user could replace files of the
// store. A missing store is as safe as the directories above it. If the store
// cannot be made because of what is there, the error is a *ForeignError.
func (s Store) Safe() error { return checkAbove(s.Dir, s.Owner) }

// checkAbove returns an *UnsafeError if any user except root and owner could
// replace dir. dir and every directory above it, as written and as resolved,
// must belong to them and be writable by them alone. A sticky directory above
// (/tmp) is safe: others cannot rename our files in it. A missing directory is
// as safe as those above it.
func checkAbove(dir string, owner int) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil && !isMissing(err) {
		return err
	}
	for _, path := range []string{dir, resolved} {
		for at := path; at != "" && at != "/"; at = filepath.Dir(at) {
			if err := checkDir(at, owner, at != path); err != nil {
				return err
			}
		}
	}
	return checkDir("/", owner, true)
}

// isMissing reports whether a path does not exist, also because a file is above it: the check
// of that file reports it.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

func checkDir(path string, owner int, above bool) error {
	info, err := os.Stat(path)
	if err != nil && isMissing(err) {
		if target, err := os.Readlink(path); err == nil {
			return &ForeignError{Path: path, Is: fmt.Sprintf("a symlink to %q, which is missing (not mounted?)", target)}
		}
		return nil
	}
	if err != nil {
		return err
	}
	mode := info.Mode()
	switch got := ownerOf(info); {
	case !mode.IsDir():
		return &ForeignError{Path: path, Is: "not a directory"}
	case got != 0 && got != owner:
		return &UnsafeError{path, fmt.Sprintf("owned by uid %d", got)}
	case mode.Perm()&0o022 != 0 && (!above || mode&fs.ModeSticky == 0):
		return &UnsafeError{path, fmt.Sprintf("mode %s lets others write", archive.ModeText(mode))}
	}
	return nil
}
