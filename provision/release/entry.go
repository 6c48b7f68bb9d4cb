package release

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
)

// File modes of a release, whatever the archive and the umask say: runsc
// executes itself again as another user, who must be able to read it.
const (
	programMode = 0o755
	plainMode   = 0o644
	dirMode     = 0o755
)

// manifestName is reserved: no archive may have a file with this name.
const manifestName = "manifest.json"

// entries checks the entries of one archive, in their order.
type entries struct {
	limits Limits // all set
	seen   map[string]bool
	bytes  int64
}

// entry is an accepted entry of an archive.
type entry struct {
	name string // clean, relative, slashes
	size int64  // bytes
	mode fs.FileMode
	dir  bool
}

// check accepts only regular files and directories with plain names. For "." it
// returns an empty entry.
func (e *entries) check(h *tar.Header) (entry, error) {
	name, err := e.name(h.Name)
	if err != nil {
		return entry{}, err
	}
	if len(e.seen) >= e.limits.Entries {
		return entry{}, fmt.Errorf("more than %d entries", e.limits.Entries)
	}
	if e.seen[name] {
		return entry{}, errors.New("occurs twice")
	}
	e.seen[name] = true
	if slices.ContainsFunc(slices.Collect(maps.Keys(h.PAXRecords)), func(key string) bool { return strings.HasPrefix(key, "GNU.sparse.") }) {
		return entry{}, errors.New("is sparse")
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return entry{name: name, mode: dirMode, dir: true}, nil
	case tar.TypeReg:
	default:
		return entry{}, fmt.Errorf("is a %s", typeName(h.Typeflag))
	}
	if name == "." {
		return entry{}, errors.New("is not a directory")
	}
	if name == manifestName {
		return entry{}, errors.New("has a name that is taken")
	}
	if h.Size < 0 || h.Size > e.limits.UnpackedBytes-e.bytes {
		return entry{}, fmt.Errorf("more than %d bytes in all", e.limits.UnpackedBytes)
	}
	e.bytes += h.Size
	mode := fs.FileMode(plainMode)
	if h.Mode&0o111 != 0 {
		mode = programMode
	}
	return entry{name: name, size: h.Size, mode: mode}, nil
}

func (e *entries) name(name string) (string, error) {
	switch {
	case len(name) > e.limits.NameBytes:
		return "", fmt.Errorf("has a name of %d bytes", len(name))
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == '\\' || r == unicode.ReplacementChar }):
		return "", errors.New("has odd characters in its name")
	case name == "" || path.IsAbs(name):
		return "", errors.New("is not relative")
	case slices.Contains(strings.Split(name, "/"), ".."):
		return "", errors.New("leads out of the archive")
	}
	return path.Clean(name), nil
}

func typeName(flag byte) string {
	switch flag {
	case tar.TypeLink:
		return "hard link"
	case tar.TypeSymlink:
		return "symlink"
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return "device or fifo"
	case tar.TypeGNUSparse:
		return "sparse file"
	default:
		return fmt.Sprintf("tar entry of type %q", flag)
	}
}
