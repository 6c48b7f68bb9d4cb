package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"runsc-provisioner/pattern"
)

// backupPattern matches the names that Begin gives to copies of daemon.json.
var backupPattern = pattern.Lazy(`^daemon\.json-(.+)$`)

// check returns an error if this program could not have written j: a journal directs what
// root writes, and where. That its file is the managed daemon.json is for the caller to
// check, who knows the flags of dockerd.
func (j Journal) check() error {
	f := j.File
	for _, path := range []string{f.Path, f.Target} {
		if path != "" && !filepath.IsAbs(path) {
			return fmt.Errorf("it is damaged: it is for %q", path)
		}
	}
	if stamp := backupPattern().FindStringSubmatch(f.Backup); f.Backup != "" {
		if stamp == nil {
			return fmt.Errorf("it is damaged: it names the copy %q", f.Backup)
		}
		if _, err := time.Parse(setAsideTimeFormat, stamp[1]); err != nil {
			return fmt.Errorf("it is damaged: it names the copy %q", f.Backup)
		}
	}
	for _, digest := range slices.Concat([]string{f.OldDigest}, f.NewDigests, f.RevertDigests, f.MergedDigests) {
		if digest != "" && !digestKey().MatchString(digest) {
			return fmt.Errorf("it is damaged: it has the digest %.70q", digest)
		}
	}
	switch {
	case f.Mode&^fs.ModePerm != 0:
		return fmt.Errorf("it is damaged: it has the mode %v", f.Mode)
	case j.Link.Release != "" && filepath.Base(j.Link.Release) != j.Link.Release, j.Link.Release == "..":
		return fmt.Errorf("it is damaged: it has the release %q", j.Link.Release)
	case !j.Builds.valid():
		return errors.New("it is damaged: it does not say which files of builds it changes")
	case j.Trial != "" && !trialKey().MatchString(j.Trial):
		return errors.New("it is damaged: it names a container that this program does not make")
	}
	return nil
}

// checkMode returns an error if the journal has another mode than Write gives
// it: another user may have written it before its mode was mended.
func (s JournalStore) checkMode() error {
	info, err := os.Lstat(s.Path())
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("it has mode %04o, and this program writes it with mode 0600", info.Mode().Perm())
	}
	return nil
}

// valid reports whether b is nil, or names a file by a clean path.
func (b *JournalBuilds) valid() bool {
	if b == nil {
		return true
	}
	for _, text := range []*JournalText{b.Program, b.DropIn} {
		if text != nil && (!filepath.IsAbs(text.Path) || filepath.Clean(text.Path) != text.Path) {
			return false
		}
	}
	return b.Program != nil || b.DropIn != nil
}
