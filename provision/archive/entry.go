package archive

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

// File modes of what is unpacked, whatever the archive and the umask say: runsc
// executes itself again as another user, who must be able to read it.
const (
	ProgramMode = 0o755
	PlainMode   = 0o644
	DirMode     = 0o755
)

// ManifestName is reserved for the store: no archive may have a file with this name.
const ManifestName = "manifest.json"

// ModeText formats permission bits, in octal.
func ModeText(mode fs.FileMode) string { return fmt.Sprintf("%04o", mode.Perm()) }

// entries checks the entries of one archive, in their order.
type entries struct {
	limits Limits // all set
	below  string // only entries below this directory are taken, by their path in it; "" for all
	seen   map[string]bool
	bytes  int64
}

// entry is an accepted entry of an archive.
type entry struct {
	name string // clean, relative, slashes
	size int64  // bytes
	mode fs.FileMode
	dir  bool
	// skipped says that it is elsewhere than what is taken.
	skipped bool
}

// check accepts only regular files and directories with plain names. For "." it
// returns an empty entry. What is skipped needs a plain name too.
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
	if e.below != "" {
		var below bool
		if name, below = strings.CutPrefix(name, e.below+"/"); !below {
			return entry{skipped: true}, nil
		}
	}
	if slices.ContainsFunc(slices.Collect(maps.Keys(h.PAXRecords)), func(key string) bool { return strings.HasPrefix(key, "GNU.sparse.") }) {
		return entry{}, errors.New("is sparse")
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return entry{name: name, mode: DirMode, dir: true}, nil
	case tar.TypeReg:
	default:
		return entry{}, fmt.Errorf("is a %s", typeName(h.Typeflag))
	}
	if name == "." {
		return entry{}, errors.New("is not a directory")
	}
	if name == ManifestName {
		return entry{}, errors.New("has a name that is taken")
	}
	if h.Size < 0 || h.Size > e.limits.Bytes-e.bytes {
		return entry{}, fmt.Errorf("more than %d bytes in all", e.limits.Bytes)
	}
	e.bytes += h.Size
	mode := fs.FileMode(PlainMode)
	if h.Mode&0o111 != 0 {
		mode = ProgramMode
	}
	return entry{name: name, size: h.Size, mode: mode}, nil
}

func (e *entries) name(name string) (string, error) {
	switch {
	case len(name) > e.limits.Name:
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
