package daemonfile

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/durable"
)

// CheckReplaceable returns why f cannot be replaced, or nil. The error is a
// *blocked.Refused, ENOSPC or EDQUOT.
func CheckReplaceable(f File) error {
	if !f.Exists {
		dir := filepath.Dir(f.Target)
		for {
			err := unix.Access(dir, unix.W_OK)
			if err == nil {
				return nil
			}
			if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
				return &blocked.Refused{Object: f.Path, Err: &fs.PathError{Op: "write in", Path: dir, Err: err}}
			}
			dir = filepath.Dir(dir)
		}
	}
	return CanReplace(f.Path, f.Target, f.Place().attributes())
}

// CanReplace returns why the file at target cannot be replaced, or nil. Errors name path, the
// name that the user knows.
func CanReplace(path, target string, attr durable.Attr) error {
	err := durable.CanReplace(target, attr)
	var mount *durable.MountError
	var fixed *durable.ImmutableError
	switch {
	case errors.As(err, &mount):
		return blocked.Refuse(path, "is a mount of %s and cannot be replaced in one step: mount its directory instead%s", mount.Source, otherLocation(path))
	case errors.As(err, &fixed):
		return blocked.Refuse(path, "%s is immutable: chattr -i -a %s lets it be changed", fixed.Path, fixed.Path)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return err
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
