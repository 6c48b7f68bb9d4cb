package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"time"

	"runsc-provisioner/provision/durable"
)

// IndexesSchema is the schema version that this program writes and reads.
const IndexesSchema = 1

// maxIndexes limits the file in bytes: 200 for each suite of a repository that was used.
const maxIndexes = 64 << 10

// Index is the newest that was seen of a signed index. An older one is an old copy.
type Index struct {
	Date    time.Time `json:"date"`
	Version string    `json:"version"` // the newest release in it
}

// indexes is the file.
type indexes struct {
	SchemaVersion int              `json:"schema_version"`
	Seen          map[string]Index `json:"seen"` // by URL
}

func (d Dir) indexesPath() string { return filepath.Join(string(d), indexesName) }

// Indexes returns what was seen of signed indexes, by their URLs.
func (d Dir) Indexes() (map[string]Index, error) {
	text, err := durable.ReadOwn(d.indexesPath(), maxIndexes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	i, err := parseIndexes(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.indexesPath(), err)
	}
	return i.Seen, nil
}

func parseIndexes(text []byte) (i indexes, err error) {
	if err := json.Unmarshal(text, &i); err != nil {
		return indexes{}, fmt.Errorf("it is damaged: %w", err)
	}
	if i.SchemaVersion != IndexesSchema {
		return indexes{}, fmt.Errorf("another version of this program wrote it (schema %d, want %d)", i.SchemaVersion, IndexesSchema)
	}
	return i, nil
}

// NoteIndex records what was seen of the index at a URL. An index that the user accepted although it is older
// replaces the newer one.
func (d Dir) NoteIndex(url string, seen Index) error {
	all, err := d.Indexes()
	if err != nil || all[url] == seen {
		return err
	}
	all = maps.Clone(all)
	if all == nil {
		all = map[string]Index{}
	}
	all[url] = seen
	text, err := json.MarshalIndent(indexes{IndexesSchema, all}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", d.indexesPath(), err)
	}
	return durable.WriteFile(d.indexesPath(), append(text, '\n'), durable.Plain(0o600))
}

// maxArchiveKey limits the file with the archive key in bytes.
const maxArchiveKey = 1 << 20

func (d Dir) archiveKeyPath() string { return filepath.Join(string(d), archiveKeyName) }

// ArchiveKey is the file with the public key that signed a release last; nil if there is none. It counts for no more
// than its fingerprint.
func (d Dir) ArchiveKey() ([]byte, error) {
	text, err := durable.ReadOwn(d.archiveKeyPath(), maxArchiveKey)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// KeepArchiveKey keeps a file with a public key.
func (d Dir) KeepArchiveKey(text []byte) error {
	return durable.WriteFile(d.archiveKeyPath(), text, durable.Plain(0o600))
}
