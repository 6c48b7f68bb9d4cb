package verify

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// A Runtime is what a runtime's name means to dockerd now.
type Runtime struct {
	Path string // as dockerd's /info gives it; empty for a runtime known by shim type
	Type string // that, where dockerd tells it
	Args []string
	// Target is Path with every symbolic link followed, Path itself where
	// that file is missing, and File that file.
	Target string
	File   FileID
	Err    error // why File is not known; fs.ErrNotExist when it is missing
}

// Resolve looks at the files behind dockerd's runtimes, name → path.
// A relative path, such as "runc", is for dockerd's PATH to find and is left
// unresolved: a release is always registered by an absolute one.
func Resolve(paths map[string]string) map[string]Runtime {
	resolved := make(map[string]Runtime, len(paths))
	for name, path := range paths {
		resolved[name] = resolve(path)
	}
	return resolved
}

func resolve(path string) Runtime {
	rt := Runtime{Path: path, Target: path}
	if !filepath.IsAbs(path) {
		return rt
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		rt.Err = err
		return rt
	}
	rt.Target = target
	info, err := os.Stat(target)
	if err != nil {
		rt.Err = err
		return rt
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		rt.File = FileID{Dev: uint64(st.Dev), Ino: st.Ino}
	}
	return rt
}

// Leads reports whether the runtime is some release's runsc.
func (rt Runtime) Leads(releases []Release) bool {
	_, ok := rt.release(releases)
	return ok
}

// release finds the release whose runsc the runtime is. A missing file still
// counts by its place: the store is root's, and what dockerd was told is the
// release's own path.
func (rt Runtime) release(releases []Release) (Release, bool) {
	for _, r := range releases {
		if rt.File != (FileID{}) && r.Files[rt.File] == runscPath {
			return r, true
		}
		missing := errors.Is(rt.Err, fs.ErrNotExist)
		if missing && rt.Path == filepath.Join(r.Dir, runscPath) {
			return r, true
		}
	}
	return Release{}, false
}
