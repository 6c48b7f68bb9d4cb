package daemonfile

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/durable"
)

// ErrDeclared is in the error for a daemon.json that another program makes from a description
// of the system: it is on a read-only file system, or in the store of Nix or Guix.
var ErrDeclared = errors.New("is read-only")

// CheckReplaceable returns why f cannot be replaced, or nil. It puts a temporary file beside
// the file, and removes it. The error is a *blocked.Refused, ENOSPC or EDQUOT.
func CheckReplaceable(f File) error {
	if err := LookReplaceable(f); err != nil || !f.Exists {
		return err
	}
	return CanReplace(f.Path, f.Target, f.Place().attributes())
}

// LookReplaceable is CheckReplaceable without the temporary file: it writes nothing, and misses
// what only the kernel's answer to a write shows, such as a quota.
func LookReplaceable(f File) error {
	if store := packageStore(f.Target); store != "" {
		return &blocked.Refused{Object: f.Path, Err: fmt.Errorf("%w: it is %s, and only the programs of %s change files there", ErrDeclared, f.Target, store)}
	}
	if !f.Exists {
		return explain(f.Path, durable.CannotWrite(filepath.Dir(f.Target)))
	}
	return LookReplace(f.Path, f.Target)
}

// packageStore returns the store of Nix or Guix that path is in, or "". Outside their own
// systems, root can write there, and must not.
func packageStore(path string) string {
	for _, store := range []string{"/nix/store", "/gnu/store"} {
		if strings.HasPrefix(path, store+"/") {
			return store
		}
	}
	return ""
}

// LookReplace is CanReplace without the temporary file.
func LookReplace(path, target string) error { return explain(path, durable.CannotReplace(target)) }

// CanReplace returns why the file at target cannot be replaced, or nil. Errors name path, the
// name that the user knows.
func CanReplace(path, target string, attr durable.Attr) error {
	return explain(path, durable.CanReplace(target, attr))
}

// explain turns an error of package durable about path into a refusal.
func explain(path string, err error) error {
	var mount *durable.MountError
	var fixed *durable.ImmutableError
	switch {
	case errors.As(err, &mount):
		return blocked.Refuse(path, "is a mount of %s and cannot be replaced in one step: mount its directory instead%s", mount.Source, otherLocation(path))
	case errors.As(err, &fixed):
		return blocked.Refuse(path, "%s is immutable: chattr -i -a %s lets it be changed", fixed.Path, fixed.Path)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%s: %w", path, err)
	case errors.Is(err, unix.EROFS):
		return &blocked.Refused{Object: path, Err: fmt.Errorf("%w: %w", ErrDeclared, err)}
	case err != nil:
		return &blocked.Refused{Object: path, Err: err}
	}
	return nil
}

// otherLocation is further advice about a daemon.json that is a mount.
func otherLocation(path string) string {
	if strings.HasSuffix(path, ".json") {
		return ", or keep daemon.json elsewhere (dockerd --config-file)"
	}
	return ""
}
