package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
)

const (
	beforeSchema = 1
	// maxBefore limits the size of the record in bytes: as a JSON string, daemon.json
	// can become six times as long.
	maxBefore = 16 << 20
)

// Before is the record of the host before this program changed it, from which that state
// can be restored. It is written before the first change. It grows when this program
// starts to manage something more, and otherwise is never changed, rotated or removed.
type Before struct {
	SchemaVersion int       `json:"schema_version"`
	Recorded      time.Time `json:"recorded"`
	// Files has daemon.json by its path: a flag of dockerd can select another file.
	Files map[string]BeforeFile `json:"daemon_json"`
	// Objects has the files, links, directories, accounts and id ranges that this
	// program may create, by "kind:name".
	Objects map[string]BeforeObject `json:"objects"`
}

// BeforeFile is daemon.json before this program changed it.
type BeforeFile struct {
	Recorded time.Time `json:"recorded"`
	// Assumed says that an earlier version of this program, which kept no record, has
	// changed the host: Text may already have keys that it wrote.
	Assumed bool `json:"assumed,omitempty"`
	// Managed is set once the file matched the configuration. Until then, the present
	// text of the file counts as the earlier state, not this record.
	Managed bool                 `json:"managed"`
	Target  string               `json:"target"` // the file itself, when the path is a symlink
	Exists  bool                 `json:"exists"`
	Text    string               `json:"text,omitempty"`
	Mode    fs.FileMode          `json:"mode,omitempty"`
	UID     int                  `json:"uid"`
	GID     int                  `json:"gid"`
	Keys    map[string]BeforeKey `json:"keys"` // by item, such as config.ItemDefaultRuntime
}

// BeforeKey is the value of one key when this program began to manage it.
type BeforeKey struct {
	Recorded time.Time `json:"recorded"`
	Assumed  bool      `json:"assumed,omitempty"` // see BeforeFile.Assumed
	Managed  bool      `json:"managed"`           // see BeforeFile.Managed
	Present  bool      `json:"present"`
	Value    string    `json:"value,omitempty"` // its JSON text as it was in the file
}

// BeforeObject is something that this program may create.
type BeforeObject struct {
	Recorded    time.Time `json:"recorded"`
	Assumed     bool      `json:"assumed,omitempty"`
	Present     bool      `json:"present"`
	Description string    `json:"is,omitempty"`   // a symlink's target, or the kind of object
	Text        string    `json:"text,omitempty"` // of a file that this program replaces as a whole
}

// BeforeStore keeps the record of the earlier state.
type BeforeStore struct{ dir Dir }

// Before is the record of the earlier state.
func (d Dir) Before() BeforeStore { return BeforeStore{d} }

// Path returns the path of the record.
func (s BeforeStore) Path() string { return filepath.Join(string(s.dir), beforeName) }

// Read returns the record; nil if there is none, or if this user may not read it
// (unread). A record that does not parse, or has a newer schema, is a *blocked.Refused:
// without it, nothing knows what to restore.
func (s BeforeStore) Read() (b *Before, unread bool, err error) {
	path := s.Path()
	text, err := durable.ReadOwn(path, maxBefore)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, true, nil
	case err != nil:
		return nil, false, blocked.Refuse(path, "the record of the state before this program cannot be used (%w): restore the file, or move it away to record the present state instead", err)
	}
	var version struct {
		SchemaVersion int `json:"schema_version"`
	}
	b = &Before{}
	err = json.Unmarshal(text, &version)
	switch {
	case err == nil && version.SchemaVersion > beforeSchema:
		return nil, false, blocked.Refuse(path, "was written by a newer version of this program (schema %d, want %d): use that version", version.SchemaVersion, beforeSchema)
	case err == nil:
		err = json.Unmarshal(text, b)
	}
	if err == nil {
		err = b.validate()
	}
	if err != nil {
		return nil, false, blocked.Refuse(path, "the record of the state before this program is damaged (%w): restore the file, or move it away to record the present state instead", err)
	}
	return b, false, nil
}

// validate checks that the record is complete.
func (b *Before) validate() error {
	switch {
	case b.SchemaVersion != beforeSchema:
		return fmt.Errorf("schema %d", b.SchemaVersion)
	case b.Files == nil || b.Objects == nil:
		return errors.New("a part is missing")
	}
	for path, file := range b.Files {
		if _, err := daemonjson.Parse([]byte(file.Text)); err != nil {
			return fmt.Errorf("text of %s: %w", path, err)
		}
		for name, key := range file.Keys {
			if key.Present != json.Valid([]byte(key.Value)) {
				return fmt.Errorf("value of %s", name)
			}
		}
	}
	return nil
}

// Write replaces the record.
func (s BeforeStore) Write(b *Before) error {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", s.Path(), err)
	}
	failpoint.Here("before.json: to be written")
	// For root only, whatever the mode of daemon.json, which may hold secrets.
	return durable.WriteFile(s.Path(), append(text, '\n'), durable.Plain(0o600))
}

// Key returns the recorded value of an item of file. A key that is not managed yet counts
// only while the file still has that value: another program may have changed it since.
func (b *Before) Key(file daemonfile.File, item string) (BeforeKey, bool) {
	if b == nil {
		return BeforeKey{}, false
	}
	key, ok := b.Files[file.Path].Keys[item]
	if !ok || !key.Managed && !key.Matches(file.Doc, item) {
		return BeforeKey{}, false
	}
	return key, true
}

// Matches reports whether doc has the recorded value of item.
func (k BeforeKey) Matches(doc daemonjson.Document, item string) bool {
	value, present := config.ItemValue(doc, item)
	return present == k.Present && value == k.Value
}

// Runtime returns the recorded entry of a runtime in the daemon.json at path.
func (b *Before) Runtime(path, name string) (daemonjson.Runtime, bool) {
	if b == nil {
		return daemonjson.Runtime{}, false
	}
	key := b.Files[path].Keys[config.RuntimeItem(name)]
	doc, err := daemonjson.Parse([]byte(`{"runtimes":{"x":` + key.Value + `}}`))
	if !key.Present || err != nil {
		return daemonjson.Runtime{}, false
	}
	return doc.Runtimes()["x"], true
}

// Clone returns a copy that can be changed; of nil, an empty record.
func (b *Before) Clone() *Before {
	if b == nil {
		return &Before{SchemaVersion: beforeSchema, Files: map[string]BeforeFile{}, Objects: map[string]BeforeObject{}}
	}
	c := *b
	c.Files, c.Objects = map[string]BeforeFile{}, map[string]BeforeObject{}
	maps.Copy(c.Objects, b.Objects)
	for path, file := range b.Files {
		keys := map[string]BeforeKey{}
		maps.Copy(keys, file.Keys)
		file.Keys = keys
		c.Files[path] = file
	}
	return &c
}
