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
	JournalSchema = 1
	// MaxBackups is how many earlier texts of daemon.json stay.
	MaxBackups = 5
	// maxJournal is the most bytes a journal may have.
	maxJournal = 1 << 20
)

// Journal is what one run means to change, and what was there before: enough
// to finish or to revert it after a kill at any instant.
type Journal struct {
	SchemaVersion int       `json:"schema_version"`
	Started       time.Time `json:"started"`
	PID           int       `json:"pid"`

	File   JournalFile    `json:"daemon_json"`
	Link   JournalLink    `json:"link"`
	Engine *JournalEngine `json:"engine,omitempty"` // nil: Docker did not run
	// Runtimes are the names of those that are managed.
	Runtimes []string `json:"runtimes"`
	// Invocation is docker.service's InvocationID as this was begun; "" where it
	// did not run, or the journal is of a version that did not say.
	Invocation string `json:"docker_invocation,omitempty"`
	// Restarting is set before Docker is restarted, or started again.
	Restarting bool `json:"restarting,omitempty"`
	// Starting is set beside it on the way back, before the unit's failure is
	// reset: from then on it is not told from one that was stopped.
	Starting bool `json:"starting,omitempty"`
	// Restarted is docker.service's InvocationID once it was seen up after that.
	Restarted string `json:"restarted,omitempty"`
	// Failed is set before a run that has failed puts things back.
	Failed bool `json:"failed,omitempty"`
	// Trial is the name of the container and image of a proof through Docker.
	Trial string `json:"trial,omitempty"`

	// TrialGone says that it was looked for, and is not there.
	TrialGone bool `json:"-"`
}

// JournalFile is daemon.json: what it was, and which texts it may have from us.
type JournalFile struct {
	daemonfile.Place
	Backup        string   `json:"backup,omitempty"` // name of the copy; "" when there was no file, or an empty one
	OldDigest     string   `json:"was"`              // sha256 of the text before
	NewDigests    []string `json:"later"`            // sha256 of the texts that the plan writes
	RevertDigests []string `json:"back,omitempty"`   // sha256 of the text written on the way back
}

// JournalLink is the link before.
type JournalLink struct {
	Changes bool   `json:"changes,omitempty"`
	Release string `json:"release,omitempty"` // "": there was none
}

// JournalEngine is what dockerd ran with before.
type JournalEngine struct {
	Default  string                        `json:"default"`
	Runtimes map[string]daemonjson.Runtime `json:"runtimes"` // the managed ones that it knew
	// Others are the ones that are not managed, of a path.
	Others map[string]daemonjson.Runtime `json:"others,omitempty"`
	Remap  config.Remap                  `json:"remap"`
	Root   string                        `json:"root,omitempty"`
}

func (d Dir) JournalPath() string { return filepath.Join(string(d), "journal.json") }
func (d Dir) BackupDir() string   { return filepath.Join(string(d), "backup") }

// StartJournal keeps a copy of daemon.json and writes the journal.
func (d Dir) StartJournal(j *Journal, before []byte) error {
	if len(before) > 0 && len(j.File.NewDigests) > 0 {
		name := "daemon.json-" + j.Started.Format("20060102T150405.000000000Z")
		if err := durable.MkdirAll(d.BackupDir(), 0o700); err != nil {
			return fmt.Errorf("keep a copy of %s: %w", j.File.Path, err)
		}
		// Root's only, whatever the mode of the original: secrets live there.
		if err := durable.WriteFile(filepath.Join(d.BackupDir(), name), before, durable.Plain(0o600)); err != nil {
			return fmt.Errorf("keep a copy of %s: %w", j.File.Path, err)
		}
		j.File.Backup = name
	}
	return d.WriteJournal(*j)
}

func (d Dir) WriteJournal(j Journal) error {
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the journal: %w", err)
	}
	return durable.WriteFile(d.JournalPath(), append(text, '\n'), durable.Plain(0o600))
}

// ErrJournalUnreadable says that there is a journal from which nothing can be learned.
var ErrJournalUnreadable = errors.New("the journal of a run that did not end cannot be read")

// ReadJournal is the journal of a run that did not end; found is false where
// there is none. The error is an errUnreadable for one that is damaged, and a
// *blocked.Refused for one of a newer version: that knows what it began, and this one
// does not.
func (d Dir) ReadJournal() (j Journal, found bool, err error) {
	text, err := durable.ReadLimited(d.JournalPath(), maxJournal)
	if errors.Is(err, fs.ErrNotExist) {
		return Journal{}, false, nil
	}
	if err != nil {
		return Journal{}, true, fmt.Errorf("%w: %w", ErrJournalUnreadable, err)
	}
	err = json.Unmarshal(text, &j)
	switch {
	case j.SchemaVersion > JournalSchema:
		return Journal{}, true, blocked.Refuse(d.JournalPath(), "is of a newer version of this program (schema %d, and this one knows %d): run apply with that version, or look at the file and move it away", j.SchemaVersion, JournalSchema)
	case err != nil:
		return Journal{}, true, fmt.Errorf("%w: %w", ErrJournalUnreadable, err)
	case j.SchemaVersion != JournalSchema:
		return Journal{}, true, fmt.Errorf("%w: it has schema %d, not %d", ErrJournalUnreadable, j.SchemaVersion, JournalSchema)
	}
	return j, true, nil
}

// BackupText is the text that daemon.json had.
func (d Dir) BackupText(j Journal) ([]byte, error) {
	if j.File.Backup == "" {
		return nil, nil
	}
	path := filepath.Join(d.BackupDir(), filepath.Base(j.File.Backup))
	text, err := durable.ReadLimited(path, daemonjson.MaxBytes)
	if err != nil {
		return nil, err
	}
	if durable.Digest(text) != j.File.OldDigest {
		return nil, fmt.Errorf("%s is not the copy that was made", path)
	}
	return text, nil
}

// FinishJournal closes the journal, and settles first what the record of before has of
// daemon.json.
func (d Dir) FinishJournal() error {
	if err := d.SettleBefore(); err != nil {
		return err
	}
	return d.RemoveJournal()
}

// RemoveJournal removes the journal: what it stood for is done or undone. Old
// copies of daemon.json go.
func (d Dir) RemoveJournal() error {
	failpoint.Here("journal: before it is closed")
	if err := durable.Remove(d.JournalPath()); err != nil {
		return err
	}
	failpoint.Here("journal: closed, not synced")
	if err := durable.SyncDir(string(d)); err != nil {
		return err
	}
	copies, err := filepath.Glob(filepath.Join(d.BackupDir(), "daemon.json-*"))
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
