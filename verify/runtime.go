package verify

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// A Runtime is what a runtime's name currently means to dockerd.
type Runtime struct {
	Path string // as in dockerd's /info; empty for a runtime that is registered by shim type
	Type string // the shim type, if dockerd reports it or daemon.json has it
	// TypeIgnored says that this version of dockerd ignores Type and runs runc.
	TypeIgnored bool
	Args        []string
	// Target is Path with every symbolic link followed, or Path itself if that
	// file is missing. File identifies that file.
	Target string
	File   FileID
	// Earlier are the files that the name led to before this program, as recorded. Nothing verified them.
	Earlier map[FileID]bool
	Err     error // why File is not set; fs.ErrNotExist if it is missing
}

// Resolve looks up the files behind dockerd's runtimes, name → path. dockerd
// finds a relative path, such as "runc", in its PATH. Resolve leaves it
// unresolved: a release is always registered by an absolute path.
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

// Leads reports whether the runtime is runsc of one of the releases.
func (rt Runtime) Leads(releases []Release) bool {
	_, ok := rt.release(releases)
	return ok
}

// FilesOf returns the files that gVisor's programs at a path run from: runsc itself, and the sidecars beside it. A file
// that is missing is left out.
func FilesOf(runsc string) map[FileID]bool {
	files := map[FileID]bool{}
	rt := resolve(runsc)
	if rt.File == (FileID{}) {
		return files
	}
	files[rt.File] = true
	dir := filepath.Join(filepath.Dir(rt.Target), "gvisor-bin")
	sidecars, _ := os.ReadDir(dir)
	for _, entry := range sidecars {
		if one := resolve(filepath.Join(dir, entry.Name())); one.File != (FileID{}) {
			files[one.File] = true
		}
	}
	return files
}

// release finds the release that the runtime's runsc belongs to. A missing file
// still counts by its path: only root can write to the store, and dockerd was
// given the release's own path.
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
