package release

import (
	"os"
	"path/filepath"

	"runsc-provisioner/provision/durable"
)

// Where releases come from.
const (
	SourceGVisor = "gvisor" // gVisor's servers, or a mirror
	SourceSystem = "system" // the distribution's package
)

// SystemRunsc is where it has runsc.
const SystemRunsc = "/usr/bin/runsc"

// TrustPackage is the kind of trust in the files of a package: they are as the package manager recorded them.
const TrustPackage = "package"

// Package is the package of the distribution that installed a release. The files stay where they are, and only the
// package manager changes them: the store has the manifest alone.
type Package struct {
	Manager string `json:"manager"` // dpkg, rpm
	Name    string `json:"name"`
	Version string `json:"version"` // as the package manager writes it
	Dir     string `json:"dir"`     // of runsc; the other files are below it
}

// URL names p as its manager does: dpkg:runsc=20260914.0.
func (p Package) URL() string { return p.Manager + ":" + p.Name + "=" + p.Version }

// FilesDir is the directory of the files of r: that of its package, or Dir.
func (r Installed) FilesDir() string {
	if r.Manifest.Package != nil {
		return r.Manifest.Package.Dir
	}
	return r.Dir
}

// PackageFiles are the paths of the files of r, if a package has them; else nil.
func (r Installed) PackageFiles() (paths []string) {
	if r.Manifest.Package != nil {
		for _, f := range r.Manifest.Files {
			paths = append(paths, filepath.Join(r.FilesDir(), f.Path))
		}
	}
	return paths
}

// compare compares the stat(2) results of the files of m with it. Its manifest is in dir.
func compare(dir string, m Manifest, owner int) State {
	if m.Package == nil {
		return compareWithManifest(dir, m, owner)
	}
	if state := compareWithManifest(dir, Manifest{}, owner); !state.Intact() {
		return state
	}
	return ComparePackage(m.Package.Dir, m.Files, owner)
}

// ComparePackage compares the stat(2) results of a package's files in dir. It reads no file.
func ComparePackage(dir string, files []File, owner int) State {
	for _, f := range files {
		path := filepath.Join(dir, f.Path)
		info, err := os.Lstat(path)
		if err != nil {
			return damaged(f.Path, "cannot be read: %v", withoutPath(err))
		}
		if err := durable.TrustedBy(path, owner); err != nil {
			return damaged(f.Path, "could be replaced: %v", err)
		}
		if state := compareFile(f, info, owner); !state.Intact() {
			return state
		} else if seen := compareKernel(f.Path, path); !seen.Intact() {
			return seen
		}
	}
	return State{}
}
