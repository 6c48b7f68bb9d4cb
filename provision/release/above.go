package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"runsc-provisioner/provision/archive"
)

// Safe returns an *UnsafeError if another user could replace files of the
// store. A missing store is as safe as the directories above it.
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
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
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

func checkDir(path string, owner int, above bool) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	mode := info.Mode()
	switch got := ownerOf(info); {
	case !mode.IsDir():
		return &UnsafeError{path, "not a directory"}
	case got != 0 && got != owner:
		return &UnsafeError{path, fmt.Sprintf("owned by uid %d", got)}
	case mode.Perm()&0o022 != 0 && (!above || mode&fs.ModeSticky == 0):
		return &UnsafeError{path, fmt.Sprintf("mode %s lets others write", archive.ModeText(mode))}
	}
	return nil
}
