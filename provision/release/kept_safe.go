package release

import (
	"os"
	"path/filepath"

	"runsc-provisioner/provision/durable"
)

// ArchivesSafe returns an *UnsafeError if any user except root and s.Owner could change a kept
// archive, or the manifest beside it: a release is restored from them.
func (s Store) ArchivesSafe() error {
	found, err := os.ReadDir(s.archivesDir())
	if err != nil && isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range found {
		if err := s.keptSafe(s.archivePath(entry.Name())); err != nil {
			return err
		}
	}
	return durable.TrustedBy(s.archivesDir(), s.Owner)
}

// keptSafe is ArchivesSafe for the directory of one release.
func (s Store) keptSafe(kept string) error {
	if err := durable.TrustedBy(kept, s.Owner); err != nil {
		return err
	}
	files, err := os.ReadDir(kept)
	if err != nil {
		return nil // its reader reports it
	}
	for _, f := range files {
		if err := durable.TrustedBy(filepath.Join(kept, f.Name()), s.Owner); err != nil {
			return err
		}
	}
	return nil
}
