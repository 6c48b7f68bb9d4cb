package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/twin"
)

// withdrawnName is the file in a store with what was withdrawn, and withdrawnCopy is its copy. Other users may read them:
// what they see of the host depends on it.
const (
	withdrawnName = ".withdrawn.json"
	withdrawnCopy = ".withdrawn.copy.json"
)

// maxWithdrawn limits the file in bytes, and maxWithdrawnCount the releases in it: the oldest are forgotten.
const (
	maxWithdrawn      = 256 << 10
	maxWithdrawnCount = 50
)

// Withdrawn is a release that this host went back from. It is not used again until a person asks for it.
type Withdrawn struct {
	Release  string    `json:"release"`
	Channel  string    `json:"channel"`
	Version  string    `json:"version"` // as it was requested
	Arch     string    `json:"arch"`
	Archives []Archive `json:"archives"` // that it was installed from
	At       time.Time `json:"at"`
	Why      string    `json:"why"`
}

// Withdraw is what Store.Withdraw records of r.
func Withdraw(r Installed, at time.Time, why string) Withdrawn {
	m := r.Manifest
	return Withdrawn{Release: r.Name, Channel: m.Channel, Version: m.Version, Arch: m.Arch, Archives: m.Archives, At: at.UTC().Truncate(time.Second), Why: why}
}

// Satisfies reports whether w is a release that spec asks for, as Installed.Satisfies does.
func (w Withdrawn) Satisfies(spec Spec) bool {
	return Installed{Name: w.Release, Manifest: Manifest{Channel: w.Channel, Version: w.Version, Arch: w.Arch, Archives: w.Archives}}.Satisfies(spec)
}

// Is reports whether an offer is w.
func (w Withdrawn) Is(o Offer) bool {
	label, err := ParseLabel(o.Release)
	return err == nil && label.String() == w.Release ||
		slices.ContainsFunc(w.Archives, func(a Archive) bool { return a.SHA512 == o.SHA512 })
}

// Reason says when and why this host went back from w.
func (w Withdrawn) Reason() string {
	return fmt.Sprintf("this host went back from it on %s: %s", w.At.Format("2006-01-02"), w.Why)
}

type withdrawnFile struct {
	SchemaVersion int         `json:"schema_version"`
	Withdrawn     []Withdrawn `json:"withdrawn"` // the oldest first
}

// withdrawnFiles are the files of the store in dir.
func withdrawnFiles(dir string) twin.Files {
	return twin.Files{Path: filepath.Join(dir, withdrawnName), Copy: filepath.Join(dir, withdrawnCopy)}
}

// Withdrawn lists what this host went back from, the oldest first. A store that was moved has that of the earlier
// ones, until it has its own. If one of file and copy cannot be used, the error is a *DamagedError, and the list is that
// of the other. It wraps an *UnsafeError if any user except root and s.Owner could write it.
func (s Store) Withdrawn() ([]Withdrawn, error) {
	for _, dir := range append([]string{s.Dir}, s.Earlier...) {
		if all, found, err := twin.Read(withdrawnFiles(dir), s.readWithdrawn); found || err != nil {
			return all, err
		}
	}
	return nil, nil
}

// readWithdrawn reads one file. Its error is a *DamagedError.
func (s Store) readWithdrawn(path string) ([]Withdrawn, error) {
	var file withdrawnFile
	text, err := durable.ReadLimited(path, maxWithdrawn)
	switch {
	case err == nil:
		err = json.Unmarshal(text, &file)
	case isMissing(err):
		err = fs.ErrNotExist
	}
	if err == nil {
		err = durable.TrustedBy(path, s.Owner)
	}
	if err == nil && file.SchemaVersion != schemaVersion {
		err = fmt.Errorf("schema_version %d is not %d", file.SchemaVersion, schemaVersion)
	}
	if err != nil {
		return nil, &DamagedError{Path: path, Err: err}
	}
	return file.Withdrawn, nil
}

// DamagedError means that a file of the store cannot be used.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Path, e.Err) }
func (e *DamagedError) Unwrap() error { return e.Err }

// Withdraw records that this host went back from releases. A damaged file is replaced.
func (s Store) Withdraw(more ...Withdrawn) error {
	return s.changeWithdrawn(func(all []Withdrawn) []Withdrawn {
		all = slices.DeleteFunc(all, func(w Withdrawn) bool {
			return slices.ContainsFunc(more, func(m Withdrawn) bool { return m.Release == w.Release })
		})
		all = append(all, more...)
		return all[max(0, len(all)-maxWithdrawnCount):]
	})
}

// Reinstate removes releases from the record of Withdraw.
func (s Store) Reinstate(is func(Withdrawn) bool) error {
	return s.changeWithdrawn(func(all []Withdrawn) []Withdrawn { return slices.DeleteFunc(all, is) })
}

// SetWithdrawn replaces the record.
func (s Store) SetWithdrawn(all []Withdrawn) error {
	return s.changeWithdrawn(func([]Withdrawn) []Withdrawn { return all })
}

// changeWithdrawn replaces the record, if change changes it.
func (s Store) changeWithdrawn(change func([]Withdrawn) []Withdrawn) error {
	all, err := s.Withdrawn()
	next := change(slices.Clone(all))
	same := func(a, b Withdrawn) bool { return a.Release == b.Release && a.At.Equal(b.At) }
	if err == nil && slices.EqualFunc(all, next, same) {
		return nil
	}
	return s.writeWithdrawn(next)
}

func (s Store) writeWithdrawn(all []Withdrawn) error {
	text, err := json.MarshalIndent(withdrawnFile{schemaVersion, all}, "", "  ")
	if err == nil {
		err = s.prepare()
	}
	if err == nil {
		err = twin.Write(withdrawnFiles(s.Dir), append(text, '\n'), durable.Plain(archive.PlainMode))
	}
	if err != nil {
		return fmt.Errorf("record what was withdrawn: %w", err)
	}
	return nil
}

// SweepWithdrawn removes what a killed Withdraw left, moves a damaged file aside, and writes it again from the other
// one of file and copy. It says what was damaged; "" if nothing. It leaves a file that others can write.
func (s Store) SweepWithdrawn() string {
	if _, err := os.Lstat(s.Dir); err != nil {
		return ""
	}
	files := withdrawnFiles(s.Dir)
	all, found, damaged := twin.Read(files, s.readWithdrawn)
	if _, isUnsafe := errors.AsType[*UnsafeError](damaged); isUnsafe {
		return "" // a look at the host refuses it
	}
	asides, err := twin.Clear(files, s.readWithdrawn)
	if err == nil && found {
		err = s.writeWithdrawn(all)
	}
	switch {
	case err != nil:
		return err.Error() // this run can go on
	case len(asides) == 0:
		return ""
	case !found:
		return fmt.Sprintf("%v, and was moved to %s: what this host went back from is forgotten", damaged, strings.Join(asides, " and "))
	}
	return fmt.Sprintf("%v, and was moved to %s", damaged, asides[0])
}

// Reinstated returns both lists as they would be if no release that spec asks for had been withdrawn.
func Reinstated(releases []Installed, all []Withdrawn, spec Spec) ([]Installed, []Withdrawn) {
	releases = slices.Clone(releases)
	for i, r := range releases {
		if r.Withdrawn != nil && r.Satisfies(spec) {
			releases[i].Withdrawn = nil
		}
	}
	return releases, slices.DeleteFunc(slices.Clone(all), func(w Withdrawn) bool { return w.Satisfies(spec) })
}

// markWithdrawn sets Withdrawn of releases.
func markWithdrawn(releases []Installed, all []Withdrawn) {
	for i := range releases {
		for _, w := range all {
			if w.Release == releases[i].Name && releases[i].Manifest.Package == nil {
				releases[i].Withdrawn = &w
			}
		}
	}
}
