package inventory

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/engine"
)

// maxEntries is how many entries of a mounted directory are looked at.
const maxEntries = 1000

// sockets returns the sockets at a path: the path itself, or those that a directory has. seen is false if it
// cannot be looked at.
func sockets(path string) (found []string, seen bool) {
	at, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, false
	}
	info, err := os.Stat(at)
	switch {
	case err != nil:
		return nil, false
	case info.Mode()&fs.ModeSocket != 0:
		return []string{path}, true
	case !info.IsDir():
		return nil, true
	}
	entries, err := durable.EntriesOf(at, maxEntries)
	for _, entry := range entries {
		if entry.Type()&fs.ModeSocket != 0 {
			found = append(found, filepath.Join(path, entry.Name()))
		}
	}
	return found, err == nil
}

// hidesTmp reports whether a container has files in /tmp, and its image has none there: gVisor puts a tmpfs over
// /tmp then. It is false if the storage driver is not overlay2. A whiteout in the container's own layer counts as a
// file: it takes the image's file away.
func hidesTmp(c engine.StoredContainer) (bool, error) {
	if c.Upper == "" || hasMountInTmp(c) {
		return false, nil
	}
	own, err := hasEntries(filepath.Join(c.Upper, "tmp"))
	if err != nil || !own {
		return false, err
	}
	for layer := range strings.SplitSeq(c.Lower, ":") {
		if some, err := hasEntries(filepath.Join(layer, "tmp")); err != nil || some {
			return false, err
		}
	}
	return true, nil
}

// hasEntries reports whether there is a directory at a path that is not empty. The container may have put a symlink
// there: it is not followed.
func hasEntries(dir string) (bool, error) {
	entries, err := durable.EntriesOf(dir, 1)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return false, nil
	}
	return len(entries) > 0, err
}

// hasMountInTmp reports whether something is mounted at /tmp or below it: gVisor then leaves /tmp as it is.
func hasMountInTmp(c engine.StoredContainer) bool {
	for _, m := range c.Mounts {
		if isInTmp(m.Destination) {
			return true
		}
	}
	for _, v := range c.Volumes {
		if isInTmp(v.Destination) {
			return true
		}
	}
	return false
}

func isInTmp(path string) bool {
	path = filepath.Clean(path)
	return path == "/tmp" || strings.HasPrefix(path, "/tmp/")
}
