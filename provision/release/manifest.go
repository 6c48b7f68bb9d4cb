package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/durable"
)

// schemaVersion is the version of Manifest as JSON.
const schemaVersion = 1

// maxManifest is the most bytes of a manifest: a thousand files with long names
// take half of it.
const maxManifest = 1 << 20

// Manifest describes a release: its source and its files.
// It is written last: a directory without one is not a release.
type Manifest struct {
	SchemaVersion int       `json:"schema_version"`
	Release       string    `json:"release"` // the label, and the directory's name
	Channel       string    `json:"channel"`
	Version       string    `json:"version"` // as it was requested
	Arch          string    `json:"arch"`
	URL           string    `json:"url"` // without credentials
	Trust         string    `json:"trust"`
	Archives      []Archive `json:"archives"`
	InstalledAt   time.Time `json:"installed_at"`
	Files         []File    `json:"files"`
	Origin        *Origin   `json:"origin,omitempty"`  // of trust "signed"
	Package       *Package  `json:"package,omitempty"` // of source "system"
}

// File is one file of a release.
type File = archive.File

// encode returns the manifest's text.
func (m Manifest) encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

// parseManifest reads the manifest of the release called name.
func parseManifest(text []byte, name string) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, err
	}
	if m.SchemaVersion != schemaVersion {
		return Manifest{}, fmt.Errorf("schema_version %d is not %d", m.SchemaVersion, schemaVersion)
	}
	if m.Release != name {
		return Manifest{}, fmt.Errorf("is of release %q", m.Release)
	}
	if len(m.Files) == 0 {
		return Manifest{}, errors.New("lists no files")
	}
	if m.Package != nil && (!filepath.IsAbs(m.Package.Dir) || filepath.Clean(m.Package.Dir) != m.Package.Dir) {
		return Manifest{}, fmt.Errorf("is of a package in %q", m.Package.Dir)
	}
	for _, f := range m.Files {
		if !filepath.IsLocal(f.Path) || filepath.Clean(f.Path) != f.Path {
			return Manifest{}, fmt.Errorf("lists %q", f.Path)
		}
	}
	for _, a := range m.Archives {
		if !namePattern().MatchString(a.Name) || a.Name == archive.ManifestName {
			return Manifest{}, fmt.Errorf("lists archive %q", a.Name)
		}
	}
	return m, nil
}

// readManifest reads the manifest in dir, of the release called name, and its
// digest.
func readManifest(dir, name string) (m Manifest, text []byte, err error) {
	text, err = durable.ReadLimited(filepath.Join(dir, archive.ManifestName), maxManifest)
	if err != nil {
		return Manifest{}, nil, err
	}
	m, err = parseManifest(text, name)
	return m, text, err
}

// sameFiles reports whether two lists have the same files with the same
// content.
func sameFiles(a, b []File) bool {
	if len(a) != len(b) {
		return false
	}
	in := make(map[string]File, len(a))
	for _, f := range a {
		in[f.Path] = f
	}
	for _, f := range b {
		g, found := in[f.Path]
		if !found || g.SHA256 != f.SHA256 || g.Size != f.Size || g.Mode != f.Mode {
			return false
		}
	}
	return true
}
