package release

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"runsc-provisioner/pattern"
	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/command"
	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
)

// Store is a directory of releases, each in a directory named by its label, and
// one link to the runsc of one of them. It does not lock: only one process at a
// time may change it. Only Fetch may run at any time.
type Store struct {
	Dir  string // /usr/local/lib/gvisor
	Link string // /usr/local/bin/runsc
	// Earlier are the directories of earlier stores. A link into one of them is ours.
	Earlier []string
	Owner   int // uid that owns its files and, or root, the directories above
	Limits  Limits
	// Suspect reports whether the files of a release must be read at every
	// look. nil trusts stat(2) for all releases.
	Suspect func(Installed) bool
}

// Installed is one release of a store.
type Installed struct {
	Name           string // the label
	Dir            string
	Runsc          string   // path of the runtime; missing if a package has another one there now
	Manifest       Manifest // zero if neither it nor the archive's can be read
	ManifestDigest string   // sha256 of its text
	State          State
	Withdrawn      *Withdrawn // this host went back from it; else nil
}

// Newest compares releases for sorting, newest first.
func Newest(a, b Installed) int {
	la, errA := ParseLabel(a.Name)
	lb, errB := ParseLabel(b.Name)
	if errA != nil || errB != nil {
		return cmp.Compare(b.Name, a.Name)
	}
	return lb.Compare(la)
}

// Satisfies reports whether r is the release that spec asks for. It does not ask the
// source. If the manifest is lost, the name of r decides.
func (r Installed) Satisfies(spec Spec) bool {
	label, err := ParseLabel(r.Name)
	if err != nil {
		return false
	}
	m := r.Manifest
	if (m.Package != nil) != (spec.Source == SourceSystem) {
		return false
	}
	if m.Arch != "" && spec.Arch != "" && m.Arch != spec.Arch {
		return false
	}
	for _, a := range m.Archives {
		if sum, err := download.ParseDigest(a.SHA512); err != nil || spec.pin(a.Name, sum) != nil {
			return false
		}
	}
	switch {
	case spec.Version == r.Name:
		return true
	case spec.Source == SourceSystem:
		return label.mayComeFrom(spec)
	case spec.Channel == ChannelRelease:
		// A nightly build may have the label of a release.
		return label.mayComeFrom(spec) && (m.Channel == "" || m.Channel == ChannelRelease)
	default:
		return m.Channel == spec.Channel && (spec.Version == latest || m.Version == spec.Version)
	}
}

// List returns the releases of the store, newest first. It stats each file but
// reads only manifests, what was withdrawn, and all files of a suspect release. A missing
// store has none.
func (s Store) List(ctx context.Context) ([]Installed, error) {
	var names []string
	// A release whose directory was deleted still has its archive.
	for _, dir := range []string{s.Dir, s.archivesDir()} {
		found, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && (dir == s.Dir || !isMissing(err)) {
			return nil, fmt.Errorf("list releases: %w", err)
		}
		for _, entry := range found {
			if s.has(entry.Name()) && !slices.Contains(names, entry.Name()) {
				names = append(names, entry.Name())
			}
		}
	}
	var releases []Installed
	for _, name := range names {
		r, err := s.open(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("list releases: %w", err)
		}
		releases = append(releases, r)
	}
	slices.SortFunc(releases, Newest)
	withdrawn, _ := s.Withdrawn() // a damaged record is reported by SweepWithdrawn
	markWithdrawn(releases, withdrawn)
	return releases, nil
}

// open compares the release called name with its manifest. If it is suspect, open
// reads all of its files. The only error is the cause of ctx: half a digest would look
// like damage.
func (s Store) open(ctx context.Context, name string) (Installed, error) {
	dir := filepath.Join(s.Dir, name)
	r := Installed{Name: name, Dir: dir, Runsc: filepath.Join(dir, "runsc")}
	m, text, err := readManifest(dir, name)
	if err != nil {
		r.State = damaged(archive.ManifestName, "cannot be read: %v", withoutPath(err))
		// The copy beside the archive says what the release was.
		r.Manifest, _, _ = readManifest(s.archivePath(name), name)
		return r, nil
	}
	r.Manifest, r.ManifestDigest = m, durable.Digest(text)
	r.State = compare(dir, m, s.Owner)
	if r.State.Intact() && s.Suspect != nil && s.Suspect(r) {
		r.State, err = compareContents(ctx, r.FilesDir(), m)
		if err != nil && ctx.Err() != nil {
			return Installed{}, context.Cause(ctx)
		}
		if err != nil {
			r.State = damaged(".", "cannot be read: %v", withoutPath(err))
		}
	}
	if m.Package != nil && r.State.Intact() { // else the path leads to another release, or nowhere
		r.Runsc = filepath.Join(m.Package.Dir, "runsc")
	}
	return r, nil
}

// has reports whether this program installed a release called name, in any state. A
// directory with such a name but without a manifest, in it or beside its archive,
// is foreign.
func (s Store) has(name string) bool {
	if label, err := ParseLabel(name); err != nil || label.String() != name {
		return false
	}
	for _, dir := range []string{filepath.Join(s.Dir, name), s.archivePath(name)} {
		if _, err := os.Lstat(filepath.Join(dir, archive.ManifestName)); err == nil {
			return true
		}
	}
	return false
}

// Verify checks the release called name and digests every file.
func (s Store) Verify(ctx context.Context, name string) (Installed, error) {
	if !s.has(name) {
		return Installed{}, fmt.Errorf("verify %s: %w", filepath.Join(s.Dir, name), fs.ErrNotExist)
	}
	r, err := s.open(ctx, name)
	if err != nil || !r.State.Intact() {
		return r, err
	}
	if r.State, err = compareContents(ctx, r.FilesDir(), r.Manifest); err != nil {
		return r, fmt.Errorf("verify %s: %w", r.Dir, err)
	}
	return r, nil
}

// Remove deletes the release called name and its archive. If it is killed
// midway, it leaves the release, or hidden directories for Sweep.
func (s Store) Remove(name string) error {
	dir := filepath.Join(s.Dir, name)
	if !s.has(name) {
		return fmt.Errorf("remove %s: %w", dir, fs.ErrNotExist)
	}
	// The archive goes first: an archive alone means a release to restore.
	for _, path := range []string{s.archivePath(name), dir} {
		failpoint.Here("remove a release: before " + filepath.Base(filepath.Dir(path)))
		if err := s.discard(path); err != nil {
			return fmt.Errorf("remove %s: %w", path, err)
		}
	}
	_ = os.Remove(s.archivesDir()) // only if it was the last one
	return nil
}

// Owns reports whether an entry of the store's directory is a release, or what the store keeps beside them.
func (s Store) Owns(name string) bool {
	for _, path := range []string{s.archivesDir(), withdrawnFiles(s.Dir).Path, withdrawnFiles(s.Dir).Copy} {
		if filepath.Base(path) == name {
			return true
		}
	}
	return hiddenPattern().MatchString(name) || s.has(name)
}

// RemoveRecords removes what the store keeps beside its releases: archives, and what was withdrawn.
func (s Store) RemoveRecords() error {
	if err := s.Sweep(); err != nil {
		return err
	}
	for _, path := range []string{s.archivesDir(), withdrawnFiles(s.Dir).Path, withdrawnFiles(s.Dir).Copy} {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// End kills the processes that run a program of the release called name. Use it only for a
// release that was never given to Docker.
func (s Store) End(name string) error {
	if err := command.EndIn(filepath.Join(s.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("end what runs from %s: %w", filepath.Join(s.Dir, name), err)
	}
	return nil
}

// discard renames path to a hidden name and deletes it, if it exists.
func (s Store) discard(path string) error {
	hidden := s.hidden("removed")
	err := durable.Rename(path, hidden)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	failpoint.Here("discard: out of sight, not deleted")
	return os.RemoveAll(hidden)
}

// hidden returns a new hidden name in the store.
func (s Store) hidden(what string) string {
	return filepath.Join(s.Dir, HiddenPrefix+what+"-"+rand.Text())
}

// HiddenPrefix begins the names of hidden directories in the store: those being
// fetched or removed.
const HiddenPrefix = ".runsc-provisioner-"

// hiddenPattern matches the names that hidden makes; rand.Text has 26
// characters.
var hiddenPattern = pattern.Lazy(`^\.runsc-provisioner-(staging|removed)-[A-Z2-7]{26}$`)

// Sweep deletes the hidden directories that killed runs left in the store. It leaves
// those in use.
func (s Store) Sweep() error {
	found, err := os.ReadDir(s.Dir)
	if err != nil && isMissing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	for _, entry := range found {
		if !hiddenPattern().MatchString(entry.Name()) || !entry.IsDir() {
			continue
		}
		info, err := entry.Info()
		if err != nil || ownerOf(info) != s.Owner {
			continue
		}
		if err := sweepOne(filepath.Join(s.Dir, entry.Name())); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}

// sweepOne deletes one directory, unless it is in use or already gone.
func sweepOne(dir string) error {
	held, err := lockDir(dir, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(dir), held.Close())
}
