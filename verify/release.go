package verify

import (
	"strings"
)

// A FileID identifies a file regardless of its name: its device and inode.
type FileID struct {
	Dev, Ino uint64
}

// A Release is one gVisor release as installed on this host. Files and Digests
// are trusted: list only files that match the release's manifest.
type Release struct {
	Name string // "20260914.0"
	Dir  string // absolute
	// Store is the directory that its files stay in until they are deleted, also under other names: the store of
	// releases, or that of the package which they belong to. "" or "/" is none.
	Store string
	// Dev is the device of the store; 0 if unknown. A deleted file on another
	// device was never in the store, whatever its path says: a container has
	// its own root.
	Dev uint64
	// Within is Store's path relative to its mount: "/lib/gvisor" if
	// /usr/local is a mount, "/" if the store itself is one, "" if unknown. A
	// sandbox has left the host's root, so the path of its executable starts at
	// the root of that mount.
	Within string
	// Files are the release's files that exist now, with paths relative to
	// Dir: "runsc", "gvisor-bin/gvisor_sentry".
	Files map[FileID]string
	// Digests map the sha256 of the files as installed, in lower-case hex, to
	// the same relative paths. A running sandbox may outlive its file.
	Digests map[string]string
	// Sizes has the sizes of these files in bytes, and Owner is their uid. A
	// deleted file with another size or owner is not read.
	Sizes map[int64]bool
	Owner int
}

// A File is one file of one release. The zero File belongs to no release.
type File struct {
	Release string
	Path    string // relative to the release's directory
}

const (
	runscPath  = "runsc"
	sentryPath = "gvisor-bin/gvisor_sentry"
)

// boots reports whether the file is one that a sandbox runs from.
func (f File) boots() bool {
	return f.Path == runscPath || f.Path == sentryPath
}

// An Exe is what a process executes.
type Exe struct {
	ID      FileID
	Path    string // as in /proc/PID/exe, without " (deleted)"
	Deleted bool
	Digest  string // sha256 in hex; only set for a deleted file from a release's store
}

// identify finds the release and the file that x is. A deleted file is
// identified by its digest, and only if it was deleted from a store: a copy
// that ran elsewhere and was unlinked has the right bytes but is not part of a
// release.
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
		if path, ok := r.Digests[x.Digest]; ok && r.mayHaveHeld(x) {
			return File{Release: r.Name, Path: path}
		}
	}
	return File{}
}

// mayHaveHeld reports whether a deleted file may have been in the store of r. Being in
// r.Dir is not required: the directory may have been renamed before it was
// removed.
func (r Release) mayHaveHeld(x Exe) bool {
	if r.Dev != 0 && r.Dev != x.ID.Dev && !r.hasDev(x.ID.Dev) {
		return false
	}
	return r.Store != "" && r.Store != "/" && isBelow(x.Path, r.Store) || r.Within != "" && isBelow(x.Path, strings.TrimSuffix(r.Within, "/"))
}

// hasDev reports whether one of the release's files is on the device. On
// overlayfs, files have another device than their directories.
func (r Release) hasDev(dev uint64) bool {
	for id := range r.Files {
		if id.Dev == dev {
			return true
		}
	}
	return false
}
