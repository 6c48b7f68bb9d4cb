// Package distro takes the gVisor that a package of the distribution installed. It asks dpkg or rpm which package that
// is and what its files were, reads each file, and compares. It changes nothing: only the package manager changes the
// files of a package.
//
// That shows that the files are as they were installed. Who made the package is for the package manager to check.
package distro

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/release"
)

// Source is the release.Source of the package that has release.SystemRunsc.
type Source struct {
	Root  string // of the file system and of the package managers' databases; "" is /
	Owner int    // the uid that, or root, must own the files
}

// maxFile is the most bytes of a file, as of one in a release that is downloaded.
const maxFile = 2 << 30

// Fetch implements release.Source. Nothing is put into the directories: the files stay where they are. The error is a
// *blocked.Refused if no package has runsc, or if one is half installed, and a *ChangedError if a file is not as it was
// recorded.
func (s Source) Fetch(ctx context.Context, spec release.Spec, _ string) (release.Fetched, error) {
	if err := spec.Validate(); err != nil {
		return release.Fetched{}, err
	}
	found, err := s.find(ctx)
	if err != nil {
		return release.Fetched{}, err
	}
	files, err := s.read(ctx, found)
	if err != nil {
		return release.Fetched{}, err
	}
	return release.Fetched{URL: found.URL(), Trust: release.TrustPackage, Files: files, Package: &found.Package}, nil
}

// Differs says how r, which a package installed, is not what the package manager has recorded now; "" if it is.
func (s Source) Differs(ctx context.Context, r release.Installed) (string, error) {
	found, err := s.find(ctx)
	if err == nil && found.Package != *r.Manifest.Package {
		return "it is of " + r.Manifest.Package.URL() + ", and this host has " + found.URL() + " now", nil
	}
	if err == nil {
		_, err = s.read(ctx, found)
	}
	_, isChanged := errors.AsType[*ChangedError](err)
	_, isBlocked := errors.AsType[*blocked.Refused](err)
	if isChanged || isBlocked {
		return err.Error(), nil
	}
	return "", err
}

// ChangedError means that a file of a package is not as the package manager recorded it.
type ChangedError struct {
	Package release.Package
	Path    string
	Err     error
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s, of %s: %v", e.Path, e.Package.URL(), e.Err)
}

// Unwrap returns Err.
func (e *ChangedError) Unwrap() error { return e.Err }

// recorded is what a package manager knows of a package.
type recorded struct {
	release.Package
	digest  digest
	digests map[string]string // in hexadecimal digits, of each file by its path
}

// find asks each package manager of the host for the package with runsc.
func (s Source) find(ctx context.Context) (recorded, error) {
	program, err := filepath.EvalSymlinks(s.Root + release.SystemRunsc)
	if errors.Is(err, fs.ErrNotExist) {
		return recorded{}, blocked.Refuse(release.SystemRunsc, "is missing: install a package that has it, or set release.source = %q", release.SourceGVisor)
	}
	if err != nil {
		return recorded{}, err
	}
	program = strings.TrimPrefix(program, s.Root)
	for _, ask := range []func(context.Context, string) (recorded, bool, error){s.dpkg, s.rpm} {
		found, has, err := ask(ctx, program)
		if err != nil {
			return recorded{}, err
		}
		if has {
			found.Dir = filepath.Dir(program)
			return found, nil
		}
	}
	return recorded{}, blocked.Refuse(program, "no package of dpkg or rpm has it, so nothing says what it should be: install one, or set release.source = %q", release.SourceGVisor)
}

// read reads the files of a package that are in its directory or below, where runsc looks for its other programs.
func (s Source) read(ctx context.Context, found recorded) ([]release.File, error) {
	var files []release.File
	for _, path := range slices.Sorted(maps.Keys(found.digests)) {
		name, err := filepath.Rel(found.Dir, path)
		if err != nil || !filepath.IsLocal(name) {
			continue
		}
		file, err := s.readFile(ctx, found, path)
		if err != nil {
			return nil, err
		}
		file.Path = name
		files = append(files, file)
	}
	if !slices.ContainsFunc(files, func(f release.File) bool { return f.Path == "runsc" }) {
		return nil, blocked.Refuse(found.URL(), "%s has recorded no digest of runsc", found.Manager)
	}
	// What a look would not accept must not be noted as compared: a setuid file, or one with a mount over it.
	if state := release.ComparePackage(s.Root+found.Dir, files, s.Owner); !state.Intact() {
		return nil, &ChangedError{Package: found.Package, Path: filepath.Join(found.Dir, state.File), Err: errors.New(state.Reason)}
	}
	return files, nil
}

// readFile reads one file, and compares it with its digest.
func (s Source) readFile(ctx context.Context, found recorded, path string) (release.File, error) {
	changed := func(format string, args ...any) error {
		return &ChangedError{Package: found.Package, Path: path, Err: fmt.Errorf(format, args...)}
	}
	if err := durable.TrustedBy(s.Root+path, s.Owner); err != nil {
		return release.File{}, err
	}
	f, err := durable.OpenRegular(s.Root + path)
	if errors.Is(err, fs.ErrNotExist) {
		return release.File{}, changed("it is missing")
	}
	if err != nil { // a link, or a special file
		return release.File{}, changed("%w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return release.File{}, err
	}
	if info.Mode().Perm()&0o555 != 0o555 {
		return release.File{}, changed("it has mode %s, and every user must be able to read and run it", archive.ModeText(info.Mode()))
	}
	ours, theirs := sha256.New(), found.digest.make()
	n, err := io.Copy(io.MultiWriter(ours, theirs), archive.Reader(ctx, io.LimitReader(f, maxFile+1)))
	switch got := hex.EncodeToString(theirs.Sum(nil)); {
	case err != nil:
		return release.File{}, err
	case n > maxFile:
		return release.File{}, changed("it has more than %d bytes", maxFile)
	case got != strings.ToLower(found.digests[path]):
		return release.File{}, changed("%s %s, and %s recorded %s", found.digest.name, got, found.Manager, found.digests[path])
	}
	return release.File{
		Size: n, Mode: archive.ModeText(info.Mode()), SHA256: hex.EncodeToString(ours.Sum(nil)), MTime: info.ModTime().UnixNano(),
	}, nil
}
