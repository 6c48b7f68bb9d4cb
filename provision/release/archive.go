package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/room"
)

// The store keeps the archives of the release installed last in .archive/NAME,
// with a copy of the manifest, which has their digests.
func (s Store) archivesDir() string { return filepath.Join(s.Dir, ".archive") }

func (s Store) archivePath(name string) string { return filepath.Join(s.archivesDir(), name) }

// archive keeps the staged archives of the release called name, and the text of
// its manifest. It replaces an earlier archive.
func (s Store) archive(staging, name string, manifest []byte) error {
	from := filepath.Join(staging, archiveDir)
	if err := durable.WriteFile(filepath.Join(from, archive.ManifestName), manifest, durable.Plain(archive.PlainMode)); err != nil {
		return err
	}
	if !isDir(s.archivesDir()) {
		if err := durable.Rename(s.archivesDir(), s.archivesDir()+".unread"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keep archive: %w", err)
		}
	}
	if err := durable.MkdirAll(s.archivesDir(), archive.DirMode); err != nil {
		return err
	}
	if err := swap(from, s.archivePath(name)); err != nil {
		return fmt.Errorf("keep archive: %w", err)
	}
	return nil
}

// Kept returns the directory with the archives of the release called name, and the manifest beside them. Without them,
// the error is fs.ErrNotExist; if others could have changed them, it is a *RefusedError.
func (s Store) Kept(name string) (dir string, m Manifest, err error) {
	dir = s.archivePath(name)
	if err := s.keptSafe(dir); err != nil {
		return "", Manifest{}, newRefused("check", dir, err)
	}
	m, _, err = readManifest(dir, name)
	if isMissing(err) {
		err = fmt.Errorf("archive of release %s: %w", name, fs.ErrNotExist)
	}
	return dir, m, err
}

// isDir reports whether path is a directory, or a symlink to one.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// adoptArchive keeps the staged archives for the release there, if it has none and was
// made from the same ones. m is the manifest of the staged release.
func (s Store) adoptArchive(staging string, there Installed, m Manifest) error {
	kept := s.archivePath(there.Name)
	_, text, err := readManifest(kept, there.Name)
	if err == nil && s.keptSafe(kept) == nil && durable.Digest(text) == there.ManifestDigest || !slices.Equal(m.Archives, there.Manifest.Archives) {
		return nil
	}
	_, text, err = readManifest(there.Dir, there.Name)
	if err != nil {
		return err
	}
	return s.archive(staging, there.Name, text)
}

// dropArchives deletes the archives of all releases except the one called name.
func (s Store) dropArchives(name string) error {
	found, err := os.ReadDir(s.archivesDir())
	if err != nil && !isMissing(err) {
		return fmt.Errorf("list archives: %w", err)
	}
	for _, entry := range found {
		if _, err := ParseLabel(entry.Name()); err != nil || entry.Name() == name {
			continue
		}
		if err := s.discard(s.archivePath(entry.Name())); err != nil {
			return fmt.Errorf("remove archive: %w", err)
		}
	}
	return nil
}

// Restore rebuilds the release called name from its archive, with the same
// files, times and manifest. Without an archive the error is fs.ErrNotExist; if
// the archive has changed it is a *RefusedError.
func (s Store) Restore(ctx context.Context, name string) (Installed, error) {
	wrap := func(err error) (Installed, error) {
		return Installed{}, fmt.Errorf("restore %s: %w", filepath.Join(s.Dir, name), err)
	}
	if !s.has(name) {
		return wrap(fs.ErrNotExist)
	}
	if err := s.prepare(); err != nil {
		return Installed{}, err
	}
	kept := s.archivePath(name)
	if err := s.keptSafe(kept); err != nil { // the manifest beside the archive decides what is installed
		return wrap(newRefused("check", kept, err))
	}
	m, text, err := readManifest(kept, name)
	if err != nil && isMissing(err) {
		return wrap(fs.ErrNotExist)
	}
	if err != nil {
		return wrap(err)
	}
	staging, err := s.stage()
	if err != nil {
		return wrap(err)
	}
	defer staging.discard()
	dir := filepath.Join(staging.dir, releaseDir)
	if err := s.unpackArchives(ctx, m, kept, dir); err != nil {
		return wrap(err)
	}
	if err := seal(dir, text); err != nil {
		return wrap(err)
	}
	if err := swap(dir, filepath.Join(s.Dir, name)); err != nil {
		return wrap(err)
	}
	return s.open(ctx, name)
}

// unpackArchives unpacks the archives of m, in kept, into dir, and checks that their
// files are those of m.
func (s Store) unpackArchives(ctx context.Context, m Manifest, kept, dir string) error {
	var files []File
	for _, a := range m.Archives {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		sum, err := download.ParseDigest(a.SHA512)
		if err != nil {
			return err
		}
		if err := room.Check(dir, a.Size*(roomFactor-1)); err != nil {
			return err
		}
		more, err := unpackKept(ctx, filepath.Join(kept, a.Name), a, sum, dir, s.Limits.withDefaults())
		if err != nil {
			return err
		}
		files = append(files, more...)
	}
	if !sameFiles(files, m.Files) {
		return newRefused("check", kept, errors.New("the archive has other files than the manifest lists"))
	}
	return setTimes(dir, m.Files)
}
