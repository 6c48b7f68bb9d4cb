package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
)

const (
	// JournalSchema is the schema version that this program writes and reads.
	JournalSchema = 1
	// MaxBackups is how many copies of earlier texts of daemon.json are kept.
	MaxBackups = 5
	// maxJournal limits the size of a journal in bytes.
	maxJournal = 1 << 20
)

// Journal records what one run is about to change, and the state before. That is enough to
// finish or to revert the change after a kill at any instant.
type Journal struct {
	SchemaVersion int       `json:"schema_version"`
	Started       time.Time `json:"started"`
	PID           int       `json:"pid"`

	File   JournalFile    `json:"daemon_json"`
	Link   JournalLink    `json:"link"`
	Engine *JournalEngine `json:"engine,omitempty"` // nil if Docker was not running
	// Runtimes are the names of the managed runtimes.
	Runtimes []string `json:"runtimes"`
	// Invocation is docker.service's InvocationID at the start of the run; "" if it was
	// not running, or if an older version wrote the journal.
	Invocation string `json:"docker_invocation,omitempty"`
	// Restarting is set before this program restarts or starts Docker.
	Restarting bool `json:"restarting,omitempty"`
	// Starting is also set during a rollback, before this program resets the unit's
	// failed state: from then on, a failed unit looks like a stopped one.
	Starting bool `json:"starting,omitempty"`
	// Restarted is docker.service's InvocationID once it was up after that restart.
	Restarted string `json:"restarted,omitempty"`
	// Signalled is docker.service's InvocationID if its dockerd has ended while it reloaded
	// for this run, and this program has not started Docker since.
	Signalled string `json:"signalled,omitempty"`
	// Failed is set before a failed run starts its rollback.
	Failed bool `json:"failed,omitempty"`
	// Trial is the name of the container and of the image of a proof through Docker.
	Trial string `json:"trial,omitempty"`

	// Builds describes what BuildKit runs steps with; nil if the run does not change that.
	Builds *JournalBuilds `json:"builds,omitempty"`

	// TrialGone says that this run has looked for Trial and found nothing.
	TrialGone bool `json:"-"`
}

// JournalFile describes daemon.json: its text before, and the texts that this run may write.
type JournalFile struct {
	daemonfile.Place
	Backup        string   `json:"backup,omitempty"` // name of the copy; "" if the file was missing or empty
	OldDigest     string   `json:"was"`              // SHA-256 of the text before
	NewDigests    []string `json:"later"`            // SHA-256 of the texts that the plan writes
	RevertDigests []string `json:"back,omitempty"`   // SHA-256 of the text that a rollback writes
	// MergedDigests are the SHA-256 of other programs' texts without our settings, which a
	// rollback writes.
	MergedDigests []string `json:"merged,omitempty"`
	// Sets are the values of our keys in the last text that the plan writes. They are nil if
	// it writes none, or if an older version wrote the journal.
	Sets *JournalValues `json:"sets,omitempty"`
}

// JournalValues are values of our keys in daemon.json; "" is a missing key.
type JournalValues struct {
	DefaultRuntime string                        `json:"default_runtime,omitempty"`
	UsernsRemap    string                        `json:"userns_remap,omitempty"`
	Runtimes       map[string]daemonjson.Runtime `json:"runtimes,omitempty"` // the managed ones
}

// JournalLink is the link before the run.
type JournalLink struct {
	Changes bool   `json:"changes,omitempty"`
	Release string `json:"release,omitempty"` // "" if there was none
	// Path is where the link is, and Target where it led to. They are "" in the journal of an
	// older version, which knew one store and one link.
	Path   string `json:"path,omitempty"`
	Target string `json:"target,omitempty"`
}

// JournalBuilds are the files that decide what BuildKit runs steps with, before the run and after it.
type JournalBuilds struct {
	Program *JournalText `json:"program,omitempty"` // nil if it is not changed
	DropIn  *JournalText `json:"drop_in,omitempty"` // nil if it is not changed
	// Used says whether dockerd gave BuildKit the program before, and Uses whether it shall after the run.
	Used bool `json:"used,omitempty"`
	Uses bool `json:"uses,omitempty"`
}

// JournalText is a small file before a run and after it; nil is a missing file.
type JournalText struct {
	Path   string  `json:"path"`
	Before *string `json:"before"`
	After  *string `json:"after"`
}

// JournalEngine has the settings with which dockerd ran before.
type JournalEngine struct {
	Default  string                        `json:"default"`
	Runtimes map[string]daemonjson.Runtime `json:"runtimes"` // the managed runtimes that it had
	// Others are the other runtimes that have a path.
	Others map[string]daemonjson.Runtime `json:"others,omitempty"`
	Remap  config.Remap                  `json:"remap"`
	Root   string                        `json:"root,omitempty"`
}

// JournalStore keeps the journal of an unfinished run.
type JournalStore struct{ dir Dir }

// Journal is the journal of an unfinished run.
func (d Dir) Journal() JournalStore { return JournalStore{d} }

// Path returns the path of the journal.
func (s JournalStore) Path() string { return filepath.Join(string(s.dir), journalName) }

// BackupDir returns the directory of the copies of daemon.json.
func (s JournalStore) BackupDir() string { return filepath.Join(string(s.dir), backupName) }

// Begin keeps a copy of daemon.json, names it in j, and writes the journal.
func (s JournalStore) Begin(j *Journal, before []byte) error {
	if len(before) > 0 && len(j.File.NewDigests) > 0 {
		name := "daemon.json-" + j.Started.Format("20060102T150405.000000000Z")
		if err := durable.MkdirAll(s.BackupDir(), 0o700); err != nil {
			return fmt.Errorf("keep a copy of %s: %w", j.File.Path, err)
		}
		// For root only, whatever the mode of the original, which may hold secrets.
		if err := durable.WriteFile(filepath.Join(s.BackupDir(), name), before, durable.Plain(0o600)); err != nil {
			return fmt.Errorf("keep a copy of %s: %w", j.File.Path, err)
		}
		j.File.Backup = name
	}
	return s.Write(*j)
}

// Write replaces the journal.
func (s JournalStore) Write(j Journal) error {
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the journal: %w", err)
	}
	return durable.WriteFile(s.Path(), append(text, '\n'), durable.Plain(0o600))
}

// ErrJournalUnreadable means that there is a journal, but it is damaged.
var ErrJournalUnreadable = errors.New("the journal of an unfinished run cannot be read")

// Read returns the journal of an unfinished run; found is false if there is none.
// The error is an ErrJournalUnreadable for a damaged journal. It is a *blocked.Refused for
// a journal of a newer version: only that version knows what it began.
func (s JournalStore) Read() (j Journal, found bool, err error) {
	text, err := durable.ReadOwn(s.Path(), maxJournal)
	if errors.Is(err, fs.ErrNotExist) {
		return Journal{}, false, nil
	}
	if err != nil {
		return Journal{}, true, fmt.Errorf("%w: %w", ErrJournalUnreadable, err)
	}
	err = json.Unmarshal(text, &j)
	switch {
	case j.SchemaVersion > JournalSchema:
		return Journal{}, true, blocked.Refuse(s.Path(), "was written by a newer version of this program (schema %d, want %d): run apply with that version, or inspect the file and move it away", j.SchemaVersion, JournalSchema)
	case err != nil:
		return Journal{}, true, fmt.Errorf("%w: it is damaged: %w", ErrJournalUnreadable, err)
	case j.SchemaVersion != JournalSchema:
		return Journal{}, true, fmt.Errorf("%w: it has schema %d, want %d", ErrJournalUnreadable, j.SchemaVersion, JournalSchema)
	}
	if err := errors.Join(j.check(), s.checkMode()); err != nil {
		return Journal{}, true, fmt.Errorf("%w: %w", ErrJournalUnreadable, err)
	}
	return j, true, nil
}

// BackupText returns the text that daemon.json had before the run; nil if the file was
// missing or empty. It is an error if the copy does not have the recorded digest.
func (s JournalStore) BackupText(j Journal) ([]byte, error) {
	if j.File.Backup == "" {
		return nil, nil
	}
	path := filepath.Join(s.BackupDir(), filepath.Base(j.File.Backup))
	text, err := durable.ReadOwn(path, daemonjson.MaxBytes)
	if err != nil {
		return nil, err
	}
	if durable.Digest(text) != j.File.OldDigest {
		return nil, fmt.Errorf("%s has changed since the copy was made", path)
	}
	return text, nil
}

// Finish updates the record of the earlier state, and then removes the journal.
func (s JournalStore) Finish() error {
	if err := s.dir.Before().Settle(); err != nil {
		return err
	}
	return s.Remove()
}

// Remove removes the journal: its change is complete or reverted. It also removes
// all but the newest MaxBackups copies of daemon.json.
func (s JournalStore) Remove() error {
	failpoint.Here("journal: before it is closed")
	if err := durable.Remove(s.Path()); err != nil {
		return err
	}
	failpoint.Here("journal: closed, not synced")
	if err := durable.SyncDir(string(s.dir)); err != nil {
		return err
	}
	copies, err := filepath.Glob(filepath.Join(s.BackupDir(), "daemon.json-*"))
	if err != nil {
		return err
	}
	slices.Sort(copies)
	for _, path := range copies[:max(0, len(copies)-MaxBackups)] {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
