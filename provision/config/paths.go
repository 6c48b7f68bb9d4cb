package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/pattern"
)

// Paths are the places outside Docker that this program fills. Hosts differ in where they
// can be written to: on an image-based one, /usr is read-only.
type Paths struct {
	Store string `toml:"store" json:"store"` // the directory of the releases
	Link  string `toml:"link" json:"link"`   // a symlink to runsc of the release in use; "" makes none
}

// DefaultPaths are the places on a host without config files.
func DefaultPaths() Paths {
	return Paths{Store: "/usr/local/lib/gvisor", Link: "/usr/local/bin/runsc"}
}

// placePattern matches an absolute path that needs no quoting: dockerd writes the path of a
// runtime into a shell script (before 23.0), and systemd splits its lists of paths at blanks.
var placePattern = pattern.Lazy(`^(/[A-Za-z0-9._+@-]+)+$`)

var (
	// sharedDirs have files of other programs: a path below the store counts as a release.
	sharedDirs = []string{"/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/bin", "/usr/sbin", "/usr/share", "/usr/local", "/usr/local/lib",
		"/usr/local/bin", "/usr/local/sbin", "/usr/local/libexec", "/var/lib", "/var/opt", "/var/cache", "/opt/bin", "/opt/lib"}
	// unfitDirs are emptied, or are not the same for the service (PrivateTmp, ProtectHome).
	unfitDirs = []string{"/tmp", "/var/tmp", "/run", "/var/run", "/proc", "/sys", "/dev", "/home", "/root"}
)

func (p Paths) validate() error {
	if err := checkPlace("paths.store", p.Store); err != nil {
		return err
	}
	if slices.Contains(sharedDirs, p.Store) || strings.Count(p.Store, "/") < 2 {
		return &Error{Key: "paths.store", Reason: fmt.Sprintf("%q is shared with other programs: name a directory of its own, such as %s", p.Store, filepath.Join(p.Store, "gvisor"))}
	}
	if p.Link == "" {
		return nil
	}
	if err := checkPlace("paths.link", p.Link); err != nil {
		return err
	}
	if WithinDir(p.Store, p.Link) || WithinDir(p.Link, p.Store) {
		return &Error{Key: "paths.link", Reason: fmt.Sprintf("%q clashes with paths.store (%s)", p.Link, p.Store)}
	}
	return nil
}

func checkPlace(key, path string) error {
	switch {
	case path == "/":
		return &Error{Key: key, Reason: `"/" is the root directory: name a path below it`}
	case !filepath.IsAbs(path):
		return &Error{Key: key, Reason: fmt.Sprintf("%q is not an absolute path", path)}
	case filepath.Clean(path) != path:
		return &Error{Key: key, Reason: fmt.Sprintf("%q is not a clean path: write %s", path, filepath.Clean(path))}
	case !placePattern().MatchString(path):
		return &Error{Key: key, Reason: fmt.Sprintf("%q has characters other than letters, digits and . _ + @ - /", path)}
	}
	for _, dir := range unfitDirs {
		if WithinDir(dir, path) {
			return &Error{Key: key, Reason: fmt.Sprintf("%q is below %s, which is emptied or differs between the service and your shell", path, dir)}
		}
	}
	return nil
}

// WithinDir reports whether path is dir or below it. Both are clean.
func WithinDir(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
