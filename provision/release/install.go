package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
)

// ErrNotDamaged means that there is no damaged release to restore.
var ErrNotDamaged = errors.New("not installed, or not damaged")

// Mend restores the release that spec asks for by name from its archive. The
// error is ErrNotDamaged if there is nothing to restore.
func (s Store) Mend(ctx context.Context, spec Spec) (Installed, error) {
	if !s.has(spec.Version) {
		return Installed{}, ErrNotDamaged
	}
	there, err := s.open(ctx, spec.Version)
	if err != nil {
		return Installed{}, err
	}
	if there.State.Intact() {
		return Installed{}, ErrNotDamaged
	}
	restored, err := s.Restore(ctx, spec.Version)
	if err == nil && !restored.Satisfies(spec) {
		err = fmt.Errorf("restore %s: it is not the release asked for", restored.Dir)
	}
	return restored, err
}

// prepare makes the store's directory, and checks that no other user may write
// there.
func (s Store) prepare() error {
	if err := checkAbove(s.Dir, s.Owner); err != nil {
		return err
	}
	if err := durable.MkdirAll(s.Dir, archive.DirMode); err != nil {
		return err
	}
	// Check again now that the directory exists.
	return checkAbove(s.Dir, s.Owner)
}

// commit writes the manifest and then renames the complete release in staging
// to its name. From then on it is installed, even if commit fails.
func (s Store) commit(ctx context.Context, staging, name string, manifest []byte) (Installed, error) {
	from, to := filepath.Join(staging, releaseDir), filepath.Join(s.Dir, name)
	m, err := parseManifest(manifest, name)
	if err != nil {
		return Installed{}, err
	}
	if s.has(name) {
		there, err := s.Verify(ctx, name)
		if err != nil {
			return Installed{}, err
		}
		if there.State.Intact() {
			return s.keepInstalled(ctx, staging, there, m)
		}
	} else if _, err := os.Lstat(to); err == nil {
		return Installed{}, &ForeignError{Path: to, Is: "not a release of this program: it has no manifest"}
	}
	if err := seal(from, manifest); err != nil {
		return Installed{}, err
	}
	failpoint.Here("install: sealed")
	if m.Package == nil {
		err = s.archive(staging, name, manifest)
	}
	if err != nil {
		return Installed{}, err
	}
	failpoint.Here("install: archive kept, before the rename")
	if err := swap(from, to); err != nil {
		return Installed{}, fmt.Errorf("install %s: %w", to, err)
	}
	failpoint.Here("install: after the rename")
	if err := s.dropArchives(name); err != nil {
		return Installed{}, err
	}
	failpoint.Here("install: other archives dropped")
	return s.open(ctx, name)
}

// keepInstalled keeps the intact release there if m lists the same files. It
// takes over only a missing archive, the channel and version (the nightly builds of two days may be the
// same), and the proof of its origin if it had none.
func (s Store) keepInstalled(ctx context.Context, staging string, there Installed, m Manifest) (Installed, error) {
	if !sameFiles(m.Files, there.Manifest.Files) {
		return Installed{}, newRefused("install", there.Dir, fmt.Errorf(
			"installed from %s with other files than %s has: remove it first", there.Manifest.URL, m.URL))
	}
	if m.Package != nil {
		return there, nil
	}
	if m.Origin != nil && there.Manifest.Origin == nil {
		return s.adoptOrigin(ctx, staging, there, m)
	}
	if m.Channel != ChannelRelease && (m.Channel != there.Manifest.Channel || m.Version != there.Manifest.Version) {
		renamed := there.Manifest
		renamed.Channel, renamed.Version = m.Channel, m.Version
		_, err := s.replaceManifest(there, renamed)
		if err != nil {
			return Installed{}, err
		}
		if there, err = s.open(ctx, there.Name); err != nil {
			return Installed{}, err
		}
	}
	if err := s.adoptArchive(staging, there, m); err != nil {
		return Installed{}, err
	}
	return there, s.dropArchives(there.Name)
}

// adoptOrigin takes over the origin of m, and the archive that it was unpacked from.
func (s Store) adoptOrigin(ctx context.Context, staging string, there Installed, m Manifest) (Installed, error) {
	signed := there.Manifest
	signed.URL, signed.Trust, signed.Archives, signed.Origin = m.URL, m.Trust, m.Archives, m.Origin
	text, err := s.replaceManifest(there, signed)
	if err == nil {
		err = s.archive(staging, there.Name, text)
	}
	if err == nil {
		err = s.dropArchives(there.Name)
	}
	if err != nil {
		return Installed{}, err
	}
	return s.open(ctx, there.Name)
}

// replaceManifest replaces the manifest of the release there, whose files are the same, and returns its text.
func (s Store) replaceManifest(there Installed, m Manifest) ([]byte, error) {
	text, err := m.encode()
	if err != nil {
		return nil, err
	}
	return text, durable.WriteFile(filepath.Join(there.Dir, archive.ManifestName), text, durable.Plain(archive.PlainMode))
}

// swap replaces the directory to by from, so that to is complete at every
// moment. The old directory ends up at from.
func swap(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.ENOENT) {
		return durable.Rename(from, to)
	}
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	return errors.Join(durable.SyncDir(filepath.Dir(to)), durable.SyncDir(filepath.Dir(from)))
}

// seal completes the release in dir with the text of its manifest: once the
// manifest exists, every file that it lists is on disk.
func seal(dir string, manifest []byte) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return durable.SyncDir(path)
	})
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, archive.ManifestName), manifest, durable.Plain(archive.PlainMode))
}

// setTimes sets the times of the files in dir as in their manifest.
func setTimes(dir string, files []File) error {
	for _, f := range files {
		path, t := filepath.Join(dir, f.Path), time.Unix(0, f.MTime)
		if err := os.Chtimes(path, t, t); err != nil {
			return err
		}
		if err := syncFile(path); err != nil {
			return err
		}
	}
	return nil
}

func syncFile(path string) error {
	f, err := durable.OpenRegular(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
