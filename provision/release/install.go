package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
)

// Install brings the release that spec asks for into the store and returns it
// intact. One that is there and damaged, asked for by name, is restored from
// its archive if that is good. One that is there and intact is kept; it is a
// *RefusedError if the source has other files under its name. Whatever the
// error, releases and link are as they were. Errors: those of Source,
// *RefusedError, *SpaceError, *UnsafeError, *ForeignError, the cause of ctx, or
// of the file system.
func (s Store) Install(ctx context.Context, src Source, spec Spec) (Installed, error) {
	if err := s.prepare(); err != nil {
		return Installed{}, err
	}
	var restoreErr error
	if s.has(spec.Version) && !s.open(spec.Version).State.Intact() {
		restored, err := s.Restore(ctx, spec.Version)
		if err == nil && restored.Satisfies(spec) {
			return restored, nil
		}
		restoreErr = err
	}
	installed, err := s.fetch(ctx, src, spec)
	if err != nil && restoreErr != nil {
		return Installed{}, fmt.Errorf("%w (and before that: %w)", err, restoreErr)
	}
	return installed, err
}

func (s Store) fetch(ctx context.Context, src Source, spec Spec) (Installed, error) {
	if err := spec.Validate(); err != nil {
		return Installed{}, err
	}
	staging, err := s.stage()
	if err != nil {
		return Installed{}, err
	}
	defer os.RemoveAll(staging)
	failpoint.Here("install: staging made")
	fetched, err := src.Fetch(ctx, spec, staging)
	var present *PresentError
	if errors.As(err, &present) {
		return s.open(present.Release), nil
	}
	if err != nil {
		return Installed{}, err
	}
	failpoint.Here("install: fetched and unpacked")
	label, err := smoke(ctx, filepath.Join(staging, releaseDir), fetched.URL, spec, s.Limits)
	if err != nil {
		return Installed{}, err
	}
	failpoint.Here("install: smoke-tested")
	text, err := Manifest{
		SchemaVersion: schemaVersion,
		Release:       label.String(),
		Channel:       spec.Channel,
		Version:       spec.Version,
		Arch:          spec.Arch,
		URL:           fetched.URL,
		Trust:         fetched.Trust,
		Archives:      fetched.Archives,
		InstalledAt:   time.Now().UTC().Truncate(time.Second),
		Files:         fetched.Files,
	}.encode()
	if err != nil {
		return Installed{}, err
	}
	return s.commit(ctx, staging, label.String(), text)
}

// prepare makes the store's directory, where nobody else may write.
func (s Store) prepare() error {
	if err := checkAbove(s.Dir, s.Owner); err != nil {
		return err
	}
	if err := durable.MkdirAll(s.Dir, dirMode); err != nil {
		return err
	}
	// What was missing a moment ago is looked at now that it is there.
	return checkAbove(s.Dir, s.Owner)
}

// stage makes a hidden directory with the two of a Source in it.
func (s Store) stage() (string, error) {
	staging := s.hidden("staging")
	// Nobody else sees what is not authenticated yet.
	if err := os.Mkdir(staging, 0o700); err != nil {
		return "", err
	}
	for _, dir := range []string{releaseDir, archiveDir} {
		path := filepath.Join(staging, dir)
		if err := errors.Join(os.Mkdir(path, dirMode), os.Chmod(path, dirMode)); err != nil {
			return "", errors.Join(err, os.RemoveAll(staging))
		}
	}
	return staging, nil
}

// commit gives the complete release in staging its name, with the manifest
// last. From then on it is there, whatever happens.
func (s Store) commit(ctx context.Context, staging, name string, manifest []byte) (Installed, error) {
	from, to := filepath.Join(staging, releaseDir), filepath.Join(s.Dir, name)
	if s.has(name) {
		there, err := s.Verify(ctx, name)
		if err != nil {
			return Installed{}, err
		}
		if there.State.Intact() {
			return s.keep(staging, there, manifest)
		}
	} else if _, err := os.Lstat(to); err == nil {
		return Installed{}, &ForeignError{Path: to, Is: "not of our making: it has no manifest"}
	}
	if err := seal(from, manifest); err != nil {
		return Installed{}, err
	}
	failpoint.Here("install: sealed")
	if err := s.archive(staging, name, manifest); err != nil {
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
	return s.open(name), nil
}

// keep leaves the intact release there, if manifest lists the same files, and
// takes over only its archive when it is missing, and what it was asked for as:
// the nightly builds of two days can be one.
func (s Store) keep(staging string, there Installed, manifest []byte) (Installed, error) {
	m, err := parseManifest(manifest, there.Name)
	if err != nil {
		return Installed{}, err
	}
	if !sameFiles(m.Files, there.Manifest.Files) {
		return Installed{}, &RefusedError{"install", there.Dir, fmt.Errorf(
			"installed from %s with other files than %s has: remove it first", there.Manifest.URL, m.URL)}
	}
	if m.Channel != ChannelRelease && (m.Channel != there.Manifest.Channel || m.Version != there.Manifest.Version) {
		renamed := there.Manifest
		renamed.Channel, renamed.Version = m.Channel, m.Version
		text, err := renamed.encode()
		if err != nil {
			return Installed{}, err
		}
		if err := durable.WriteFile(filepath.Join(there.Dir, manifestName), text, durable.Plain(plainMode)); err != nil {
			return Installed{}, err
		}
		there = s.open(there.Name)
	}
	if err := s.adopt(staging, there, m); err != nil {
		return Installed{}, err
	}
	return there, s.dropArchives(there.Name)
}

// swap puts the directory from in the place of to, so that to is there
// completely at every moment. What was there is left at from.
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
