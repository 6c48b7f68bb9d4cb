package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
)

const (
	// MaxFailedRecoveries is how many failed recoveries are kept, the newest.
	MaxFailedRecoveries = 3
	// setAsideTimeFormat is the format of their directory names.
	setAsideTimeFormat = "20060102T150405.000000000Z"
	// maxReason limits how many bytes of the reason are kept and shown.
	maxReason = 2 << 10
)

// FailedRecovery is a recovery that failed. Its journal was moved away, so the next run
// plans from the present state of the host.
type FailedRecovery struct {
	Path   string    `json:"path"` // the directory with the journal and the earlier daemon.json
	At     time.Time `json:"at"`
	Reason string    `json:"why"` // may hold text of other programs: escape it before printing
}

func (d Dir) setAsideDir() string { return filepath.Join(string(d), setAsideName) }

// SetAside moves the journal into a new directory, with the reason why and a copy of the
// daemon.json that the journal names; there, that copy is never rotated away. The journal
// moves last, in one step: a directory without a journal is a leftover.
func (d Dir) SetAside(j Journal, why error) (FailedRecovery, error) {
	aside := FailedRecovery{At: time.Now().UTC(), Reason: why.Error()}
	aside.Path = filepath.Join(d.setAsideDir(), aside.At.Format(setAsideTimeFormat))
	if err := durable.MkdirAll(aside.Path, 0o700); err != nil {
		return aside, fmt.Errorf("set a failed recovery aside: %w", err)
	}
	reason := []byte(aside.Reason[:min(len(aside.Reason), maxReason)] + "\n")
	if err := durable.WriteFile(filepath.Join(aside.Path, "why"), reason, durable.Plain(0o600)); err != nil {
		return aside, fmt.Errorf("set a failed recovery aside: %w", err)
	}
	if text, err := d.Journal().BackupText(j); err == nil && text != nil {
		if err := durable.WriteFile(filepath.Join(aside.Path, "daemon.json"), text, durable.Plain(0o600)); err != nil {
			return aside, fmt.Errorf("set a failed recovery aside: %w", err)
		}
	}
	if err := d.NoteTrial(j); err != nil {
		return aside, err
	}
	failpoint.Here("set aside: before the journal")
	if err := durable.Rename(d.Journal().Path(), filepath.Join(aside.Path, "journal.json")); err != nil {
		return aside, fmt.Errorf("set a failed recovery aside: %w", err)
	}
	failpoint.Here("set aside: done")
	return aside, d.pruneFailedRecoveries()
}

// FailedRecoveries lists the failed recoveries that still exist, the newest last. It omits
// those that this user may not read.
func (d Dir) FailedRecoveries() []FailedRecovery {
	var all []FailedRecovery
	for _, name := range d.FailedRecoveryNames() {
		dir := filepath.Join(d.setAsideDir(), name)
		if _, err := os.Lstat(filepath.Join(dir, "journal.json")); err != nil {
			continue
		}
		aside := FailedRecovery{Path: dir}
		aside.At, _ = time.Parse(setAsideTimeFormat, name)
		if text, err := durable.ReadOwn(filepath.Join(dir, "why"), 2*maxReason); err == nil {
			aside.Reason = strings.TrimSpace(string(text))
		}
		all = append(all, aside)
	}
	return all
}

// FailedRecoveryNames lists the directories that SetAside made, the oldest first.
func (d Dir) FailedRecoveryNames() []string {
	entries, err := os.ReadDir(d.setAsideDir())
	if err != nil {
		return nil
	}
	var names []string
	for _, entry := range entries {
		if _, err := time.Parse(setAsideTimeFormat, entry.Name()); err == nil && entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names
}

func (d Dir) pruneFailedRecoveries() error {
	names := d.FailedRecoveryNames()
	for _, name := range names[:max(0, len(names)-MaxFailedRecoveries)] {
		if err := os.RemoveAll(filepath.Join(d.setAsideDir(), name)); err != nil {
			return fmt.Errorf("remove an old failed recovery: %w", err)
		}
	}
	return nil
}

// sweepSetAside removes directories without a journal: a killed run began to set a recovery
// aside, and its journal is still in its place.
func (d Dir) sweepSetAside() error {
	for _, name := range d.FailedRecoveryNames() {
		dir := filepath.Join(d.setAsideDir(), name)
		if _, err := os.Lstat(filepath.Join(dir, "journal.json")); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clear %s: %w", dir, err)
		}
	}
	return nil
}
