package state

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"runsc-provisioner/provision/durable"
)

// indexesSchema is the schema version that this program writes and reads.
const indexesSchema = 1

// maxIndexes limits the file in bytes, and maxIndexCount the suites in it: the oldest are forgotten.
const (
	maxIndexes    = 64 << 10
	maxIndexCount = 100
)

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

func (i indexes) schema() int { return i.SchemaVersion }

// Indexes returns what was seen of signed indexes, by their URLs.
func (d Dir) Indexes() (map[string]Index, error) {
	all, err := readRecord[indexes](d.indexesPath(), maxIndexes, indexesSchema)
	return all.Seen, err
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
	for len(all) > maxIndexCount {
		delete(all, slices.MinFunc(slices.Collect(maps.Keys(all)), func(a, b string) int { return all[a].Date.Compare(all[b].Date) }))
	}
	return writeRecord(d.indexesPath(), indexes{indexesSchema, all})
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

// KeepArchiveKey keeps a file with a public key, unless it is there already.
func (d Dir) KeepArchiveKey(text []byte) error {
	if kept, err := d.ArchiveKey(); err == nil && bytes.Equal(kept, text) {
		return nil
	}
	return durable.WriteFile(d.archiveKeyPath(), text, durable.Plain(0o600))
}
