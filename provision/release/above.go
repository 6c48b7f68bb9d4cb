package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Safe gives an *UnsafeError when somebody else could replace what is in the
// store. A store that is not there is as safe as what is above it.
func (s Store) Safe() error { return checkAbove(s.Dir, s.Owner) }

// checkAbove gives an *UnsafeError when anyone but root and owner could
// replace dir: itself and every directory above it, as written and as
// resolved, must be theirs and nobody else's to write. A sticky directory above
// (/tmp) will do: what we have in it others cannot rename. What is not there
// yet is as safe as what is above it.
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
		return &UnsafeError{path, fmt.Sprintf("mode %s lets others write", modeText(mode))}
	}
	return nil
}
