package verify

import (
	"path/filepath"
	"strings"
)

// A FileID names a file whatever it is called: its device and inode.
type FileID struct {
	Dev, Ino uint64
}

// A Release is one gVisor release as it is on this host. Files and Digests
// are believed: list only what was compared with the release's manifest.
type Release struct {
	Name string // "20260914.0"
	Dir  string // absolute; the store is the directory above
	// Dev is the device of the store; 0 is not known. A deleted file of another
	// one was never in it, whatever its path: a container has a root of its own.
	Dev uint64
	// Within is the store's path on the mount that it is on, "/lib/gvisor" where
	// /usr/local is one, "/" where the store is; "" is not known. A sandbox has left
	// the host's root, and what it executes is named from the root of that mount.
	Within string
	// Files are the release's files that exist now, with paths relative to
	// Dir: "runsc", "gvisor-bin/gvisor_sentry".
	Files map[FileID]string
	// Digests are sha256 in lower-case hex with the same relative paths, of
	// the files as they were installed. A running sandbox outlives its file.
	Digests map[string]string
	// Sizes are those of these files, in bytes, and Owner is whose they are. A
	// deleted file of another size or of somebody else's is not read.
	Sizes map[int64]bool
	Owner int
}

// A File is one file of one release. The zero File is of none.
type File struct {
	Release string
	Path    string // relative to the release's directory
}

const (
	runscPath  = "runsc"
	sentryPath = "gvisor-bin/gvisor_sentry"
)

// boots reports whether a sandbox may run from the file.
func (f File) boots() bool {
	return f.Path == runscPath || f.Path == sentryPath
}

// An Exe is what a process executes.
type Exe struct {
	ID      FileID
	Path    string // as /proc/PID/exe names it, without the mark of a deleted file
	Deleted bool
	Digest  string // sha256 in hex; only of a deleted file from a release's store
}

// identify finds which release's file x is. A deleted file is known by its
// digest, and only if it was deleted from a store: a copy that ran elsewhere
// and was unlinked has the right bytes and is still nobody's release.
func identify(x Exe, releases []Release) File {
	for _, r := range releases {
		if path, ok := r.Files[x.ID]; ok {
			return File{Release: r.Name, Path: path}
		}
	}
	if !x.Deleted || x.Digest == "" {
		return File{}
	}
	for _, r := range releases {
		if path, ok := r.Digests[x.Digest]; ok && r.held(x) {
			return File{Release: r.Name, Path: path}
		}
	}
	return File{}
}

// held reports whether a deleted file may have been in the store that holds r:
// not only in r.Dir, which may have been renamed before it was removed.
func (r Release) held(x Exe) bool {
	if r.Dev != 0 && r.Dev != x.ID.Dev && !r.hasDev(x.ID.Dev) {
		return false
	}
	store := filepath.Dir(r.Dir)
	return store != "/" && below(x.Path, store) || r.Within != "" && below(x.Path, strings.TrimSuffix(r.Within, "/"))
}

// hasDev is true where files have another device than their directories, as on
// overlayfs.
func (r Release) hasDev(dev uint64) bool {
	for id := range r.Files {
		if id.Dev == dev {
			return true
		}
	}
	return false
}
