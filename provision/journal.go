package provision

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

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/release"
)

const (
	journalSchema = 1
	// keptBackups is how many earlier texts of daemon.json stay.
	keptBackups = 5
	// maxJournal is the most bytes a journal may have.
	maxJournal = 1 << 20
)

// journal is what one run means to change, and what was there before: enough
// to finish or to revert it after a kill at any instant.
type journal struct {
	SchemaVersion int       `json:"schema_version"`
	Started       time.Time `json:"started"`
	PID           int       `json:"pid"`

	File   journalFile `json:"daemon_json"`
	Link   journalLink `json:"link"`
	Engine *engineWas  `json:"engine,omitempty"` // nil: Docker did not run
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

	trialGone bool // it was looked for, and is not there
}

// journalFile is daemon.json: what it was, and which texts it may have from us.
type journalFile struct {
	daemonfile.Place
	Backup string   `json:"backup,omitempty"` // name of the copy; "" when there was no file, or an empty one
	Was    string   `json:"was"`              // sha256 of the text before
	Later  []string `json:"later"`            // sha256 of the texts that the plan writes
	Back   []string `json:"back,omitempty"`   // sha256 of the text written on the way back
}

// journalLink is the link before.
type journalLink struct {
	Changes bool   `json:"changes,omitempty"`
	Release string `json:"release,omitempty"` // "": there was none
}

// engineWas is what dockerd ran with before.
type engineWas struct {
	Default  string                        `json:"default"`
	Runtimes map[string]daemonjson.Runtime `json:"runtimes"` // the managed ones that it knew
	// Others are the ones that are not managed, of a path.
	Others map[string]daemonjson.Runtime `json:"others,omitempty"`
	Remap  config.Remap                  `json:"remap"`
	Root   string                        `json:"root,omitempty"`
}

// newJournal is the journal of p on a host that looks like o.
func newJournal(p Plan, o Observed, names []string, trial string) journal {
	j := journal{
		SchemaVersion: journalSchema, Started: time.Now().UTC(), PID: os.Getpid(), Runtimes: names, Trial: trial,
		File: journalFile{Place: o.File.Place(), Was: durable.Digest(o.File.Bytes)},
	}
	if o.Link.Kind == release.LinkOurs {
		j.Link.Release = o.Link.Release
	}
	for _, step := range p.Steps {
		switch s := step.(type) {
		case WriteDaemonJSON:
			j.File.Later = append(j.File.Later, durable.Digest(s.New))
		case Link:
			j.Link.Changes = true
		}
	}
	if o.Engine != nil {
		j.Invocation = o.Unit.InvocationID
		j.Engine = &engineWas{Default: o.Engine.DefaultRuntime, Runtimes: map[string]daemonjson.Runtime{}, Remap: config.RemapOf(o.Engine.UsernsRemap), Root: o.Engine.RootDir}
		for _, name := range names {
			if r, known := o.Engine.Runtimes[name]; known {
				j.Engine.Runtimes[name] = daemonjson.Runtime{Path: r.Path, Args: r.Args}
			}
		}
		j.Engine.Others = others(*o.Engine, names)
	}
	return j
}

func (h *Host) journalPath() string { return filepath.Join(h.Paths.State, "journal.json") }
func (h *Host) backupDir() string   { return filepath.Join(h.Paths.State, "backup") }

// others are the runtimes of info that are not managed and have a path, but for
// dockerd's own.
func others(info engine.Info, names []string) map[string]daemonjson.Runtime {
	found := map[string]daemonjson.Runtime{}
	for name, r := range info.Runtimes {
		own := name == config.RuncRuntime || strings.Contains(name, ".")
		if !own && r.Path != "" && !slices.Contains(names, name) && daemonjson.CheckName(name) == nil {
			found[name] = daemonjson.Runtime{Path: r.Path, Args: r.Args}
		}
	}
	return found
}

// begin keeps a copy of daemon.json and writes the journal.
func (h *Host) begin(j *journal, before []byte) error {
	if len(before) > 0 && len(j.File.Later) > 0 {
		name := "daemon.json-" + j.Started.Format("20060102T150405.000000000Z")
		if err := durable.MkdirAll(h.backupDir(), 0o700); err != nil {
			return fmt.Errorf("keep a copy of %s: %w", j.File.Path, err)
		}
		// Root's only, whatever the mode of the original: secrets live there.
		if err := durable.WriteFile(filepath.Join(h.backupDir(), name), before, durable.Plain(0o600)); err != nil {
			return fmt.Errorf("keep a copy of %s: %w", j.File.Path, err)
		}
		j.File.Backup = name
	}
	return h.writeJournal(*j)
}

func (h *Host) writeJournal(j journal) error {
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the journal: %w", err)
	}
	return durable.WriteFile(h.journalPath(), append(text, '\n'), durable.Plain(0o600))
}

// errUnreadable says that there is a journal from which nothing can be learned.
var errUnreadable = errors.New("the journal of a run that did not end cannot be read")

// readJournal is the journal of a run that did not end; found is false where
// there is none. The error is an errUnreadable for one that is damaged, and a
// *blocked.Refused for one of a newer version: that knows what it began, and this one
// does not.
func (h *Host) readJournal() (j journal, found bool, err error) {
	text, err := durable.ReadLimited(h.journalPath(), maxJournal)
	if errors.Is(err, fs.ErrNotExist) {
		return journal{}, false, nil
	}
	if err != nil {
		return journal{}, true, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	err = json.Unmarshal(text, &j)
	switch {
	case j.SchemaVersion > journalSchema:
		return journal{}, true, blocked.Refuse(h.journalPath(), "is of a newer version of this program (schema %d, and this one knows %d): run apply with that version, or look at the file and move it away", j.SchemaVersion, journalSchema)
	case err != nil:
		return journal{}, true, fmt.Errorf("%w: %w", errUnreadable, err)
	case j.SchemaVersion != journalSchema:
		return journal{}, true, fmt.Errorf("%w: it has schema %d, not %d", errUnreadable, j.SchemaVersion, journalSchema)
	}
	return j, true, nil
}

// before is the text that daemon.json had.
func (h *Host) before(j journal) ([]byte, error) {
	if j.File.Backup == "" {
		return nil, nil
	}
	path := filepath.Join(h.backupDir(), filepath.Base(j.File.Backup))
	text, err := durable.ReadLimited(path, daemonjson.MaxBytes)
	if err != nil {
		return nil, err
	}
	if durable.Digest(text) != j.File.Was {
		return nil, fmt.Errorf("%s is not the copy that was made", path)
	}
	return text, nil
}

// end closes the journal, and settles first what the record of before has of
// daemon.json.
func (h *Host) end() error {
	if err := h.settleBefore(); err != nil {
		return err
	}
	return h.closeJournal()
}

// closeJournal removes the journal: what it stood for is done or undone. Old
// copies of daemon.json go.
func (h *Host) closeJournal() error {
	failpoint.Here("journal: before it is closed")
	if err := durable.Remove(h.journalPath()); err != nil {
		return err
	}
	failpoint.Here("journal: closed, not synced")
	if err := durable.SyncDir(h.Paths.State); err != nil {
		return err
	}
	copies, err := filepath.Glob(filepath.Join(h.backupDir(), "daemon.json-*"))
	if err != nil {
		return err
	}
	slices.Sort(copies)
	for _, path := range copies[:max(0, len(copies)-keptBackups)] {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
