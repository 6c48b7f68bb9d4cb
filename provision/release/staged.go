package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/failpoint"
)

// Staged is a release that was fetched, authenticated, unpacked and
// smoke-tested, but is still hidden. The caller must Discard it, committed or
// not.
type Staged struct {
	name     string // the label
	manifest []byte // nil: name is installed already
	origin   *Origin
	staging  *staging
}

// Name is the label of the release.
func (staged *Staged) Name() string { return staged.name }

// Origin is what proved the origin of the release; nil if nothing did.
func (staged *Staged) Origin() *Origin { return staged.origin }

// Fetch downloads the release that spec asks for into a hidden directory of the
// store. It changes no file in use and needs no lock: several may run at once,
// in one process or several, and Sweep leaves them alone. Errors: those of Source,
// *RefusedError, *room.Error, *UnsafeError, *ForeignError, the cause of ctx, or of the
// file system.
func (s Store) Fetch(ctx context.Context, src Source, spec Spec) (*Staged, error) {
	if err := s.prepare(); err != nil {
		return nil, err
	}
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	staging, err := s.stage()
	if err != nil {
		return nil, err
	}
	staged, err := s.fill(ctx, staging, src, spec)
	if err != nil {
		return nil, errors.Join(err, staging.discard())
	}
	return staged, nil
}

func (s Store) fill(ctx context.Context, to *staging, src Source, spec Spec) (*Staged, error) {
	failpoint.Here("install: staging made")
	fetched, err := src.Fetch(ctx, spec, to.dir)
	var present *PresentError
	if errors.As(err, &present) {
		return &Staged{name: present.Release, origin: present.Origin, staging: to}, nil
	}
	if err != nil {
		return nil, err
	}
	failpoint.Here("install: fetched and unpacked")
	dir := filepath.Join(to.dir, releaseDir)
	alone := dir
	if fetched.Package != nil {
		dir, alone = fetched.Package.Dir, ""
	}
	label, err := smoke(ctx, dir, alone, fetched.URL, spec, s.Limits)
	if err != nil {
		return nil, err
	}
	if promised, err := ParseLabel(fetched.Release); fetched.Release != "" && (err != nil || label != promised) {
		return nil, newRefused("check", fetched.URL, fmt.Errorf("runsc reports release %s, and its index says %s", label, fetched.Release))
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
		Origin:        fetched.Origin,
		Package:       fetched.Package,
	}.encode()
	return &Staged{name: label.String(), manifest: text, origin: fetched.Origin, staging: to}, err
}

// Commit gives the staged release its name in the store, and returns it intact. If it is
// installed and intact, Commit keeps it, or returns a *RefusedError if the staged one has
// other files. After any error, releases and link are unchanged. Call it once, in the one
// process that may change the store. Errors are those of Fetch.
func (s Store) Commit(ctx context.Context, staged *Staged) (Installed, error) {
	if err := s.prepare(); err != nil {
		return Installed{}, err
	}
	if staged.manifest == nil {
		return s.open(ctx, staged.name)
	}
	return s.commit(ctx, staged.staging.dir, staged.name, staged.manifest)
}

// Discard removes the hidden directory.
func (staged *Staged) Discard() error { return staged.staging.discard() }

// staging is a hidden directory in use.
type staging struct {
	dir  string
	held *os.File // locked for as long as it is in use
}

// stage makes a hidden directory with the two directories of a Source. Sweep
// leaves it alone until it is discarded or this process ends.
func (s Store) stage() (*staging, error) {
	// Only the owner may read files that are not yet authenticated.
	dir, held, err := makeLockedDir(func() string { return s.hidden("staging") }, 0o700)
	if err != nil {
		return nil, err
	}
	made := &staging{dir: dir, held: held}
	for _, name := range []string{releaseDir, archiveDir} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(path, archive.DirMode), os.Chmod(path, archive.DirMode)); err != nil {
			return nil, errors.Join(err, made.discard())
		}
	}
	return made, nil
}

func (g *staging) discard() error { return errors.Join(os.RemoveAll(g.dir), g.held.Close()) }
