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
	// maxBefore is the most bytes a record may have: daemon.json may grow sixfold
	// as a JSON string.
	maxBefore = 16 << 20
)

// Before is what was on the host before this program changed it, so that it can
// be put back: written down before the first change, added to when something
// more comes under management, and otherwise never changed, rotated or removed.
type Before struct {
	SchemaVersion int       `json:"schema_version"`
	Recorded      time.Time `json:"recorded"`
	// Files are the texts of daemon.json, by its path: dockerd may be told to
	// read another one.
	Files map[string]BeforeFile `json:"daemon_json"`
	// Objects are files, links, directories, accounts and ranges of ids that this
	// program may make, by "kind:name".
	Objects map[string]BeforeObject `json:"objects"`
}

// BeforeFile is daemon.json before.
type BeforeFile struct {
	Recorded time.Time `json:"recorded"`
	// Assumed says that a version that kept no record was here earlier: keys of
	// its own may be in Text.
	Assumed bool `json:"assumed,omitempty"`
	// Managed is set once the file was made as wanted, or found so. Until then
	// what it has is what was there before, whatever was recorded.
	Managed bool                 `json:"managed"`
	Target  string               `json:"target"` // the file itself, when the path is a symlink
	Exists  bool                 `json:"exists"`
	Text    string               `json:"text,omitempty"`
	Mode    fs.FileMode          `json:"mode,omitempty"`
	UID     int                  `json:"uid"`
	GID     int                  `json:"gid"`
	Keys    map[string]BeforeKey `json:"keys"` // as in Drift.Item
}

// BeforeKey is the value of one key when it came under management.
type BeforeKey struct {
	Recorded time.Time `json:"recorded"`
	Assumed  bool      `json:"assumed,omitempty"` // nothing shows that it was so
	Managed  bool      `json:"managed"`           // as of BeforeFile
	Present  bool      `json:"present"`
	Value    string    `json:"value,omitempty"` // its text, as it was written
}

// BeforeObject is something that this program may make.
type BeforeObject struct {
	Recorded    time.Time `json:"recorded"`
	Assumed     bool      `json:"assumed,omitempty"`
	Present     bool      `json:"present"`
	Description string    `json:"is,omitempty"`   // a symlink's target, or what else it was
	Text        string    `json:"text,omitempty"` // of a file that is replaced as a whole
}

func (d Dir) BeforePath() string { return filepath.Join(string(d), "before.json") }

// ReadBefore is the record; nil where there is none, or where this user may not
// read it (unread). One that is not understood is a *blocked.Refused: nothing would know any more
// what to put back.
func (d Dir) ReadBefore() (b *Before, unread bool, err error) {
	path := d.BeforePath()
	text, err := durable.ReadLimited(path, maxBefore)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, true, nil
	case err != nil:
		return nil, false, &blocked.Refused{Object: path, Err: err}
	}
	var version struct {
		SchemaVersion int `json:"schema_version"`
	}
	b = &Before{}
	err = json.Unmarshal(text, &version)
	switch {
	case err == nil && version.SchemaVersion > beforeSchema:
		return nil, false, blocked.Refuse(path, "is of a newer version of this program (schema %d, not %d): use that version", version.SchemaVersion, beforeSchema)
	case err == nil:
		err = json.Unmarshal(text, b)
	}
	if err == nil {
		err = b.validate()
	}
	if err != nil {
		return nil, false, blocked.Refuse(path, "is damaged, and says what was there before this program came (%w): restore it, or move it away so that what is there now is recorded", err)
	}
	return b, false, nil
}

// validate refuses a record that is not whole.
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

func (d Dir) WriteBefore(b *Before) error {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", d.BeforePath(), err)
	}
	failpoint.Here("before.json: to be written")
	// Root's only, whatever the mode of daemon.json: secrets live there.
	return durable.WriteFile(d.BeforePath(), append(text, '\n'), durable.Plain(0o600))
}

// Key is what the record has of an item of file. What is not managed yet counts
// only while the file still has it: another program may have changed it since.
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

// Matches reports whether doc has the recorded value.
func (k BeforeKey) Matches(doc daemonjson.Document, item string) bool {
	value, present := config.ItemValue(doc, item)
	return present == k.Present && value == k.Value
}

// RuntimeArgs are the arguments that a runtime had before.
func (b *Before) RuntimeArgs(path, name string) []string {
	if b == nil {
		return nil
	}
	key := b.Files[path].Keys[config.RuntimeItem(name)]
	var runtime struct {
		Args []string `json:"runtimeArgs"`
	}
	if !key.Present || json.Unmarshal([]byte(key.Value), &runtime) != nil {
		return nil
	}
	return runtime.Args
}

// Clone is a copy that may be added to; of nil, an empty record.
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
