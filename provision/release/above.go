package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
)

// Safe returns an *UnsafeError if another user could replace files of the
// store. A missing store is as safe as the directories above it. If the store
// cannot be made because of what is there, the error is a *ForeignError.
func (s Store) Safe() error { return checkAbove(s.Dir, s.Owner) }

// checkAbove returns an *UnsafeError if any user except root and owner could
// replace dir, and a *ForeignError if something else is in its place, or in that of a
// directory above it.
func checkAbove(dir string, owner int) error {
	if err := durable.TrustedBy(dir, owner); err != nil {
		return err
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err != nil && isMissing(err):
			if target, err := os.Readlink(at); err == nil {
				return &ForeignError{Path: at, Is: fmt.Sprintf("a symlink to %q, which is missing (not mounted?)", target)}
			}
		case err != nil:
			return err
		case !info.IsDir():
			return &ForeignError{Path: at, Is: "not a directory"}
		default:
			return nil // so are those above
		}
	}
}

// isMissing reports whether a path does not exist, also because a file is above it: the check
// of that file reports it.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }
