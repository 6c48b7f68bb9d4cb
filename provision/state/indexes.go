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

// Both records of what sources had: of their indexes, and of their offers.
const (
	seenSchema   = 1        // the schema version that this program writes and reads
	maxSeen      = 64 << 10 // bytes
	maxSeenCount = 100      // the oldest are forgotten
)

// forgetOldest leaves the newest of all.
func forgetOldest[T any](all map[string]T, when func(T) time.Time) {
	for len(all) > maxSeenCount {
		delete(all, slices.MinFunc(slices.Collect(maps.Keys(all)), func(a, b string) int { return when(all[a]).Compare(when(all[b])) }))
	}
}

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
	all, err := readRecord[indexes](d.indexesPath(), maxSeen, seenSchema)
	return all.Seen, err
}

// NoteIndex records what was seen of the index at a URL. An index that the user accepted although it is older
// replaces the newer one.
func (d Dir) NoteIndex(url string, seen Index) error {
	all, err := d.Indexes()
	if err != nil || all[url] == seen {
		return err
	}
	all = maps.Collect(maps.All(all))
	all[url] = seen
	forgetOldest(all, func(i Index) time.Time { return i.Date })
	return writeRecord(d.indexesPath(), indexes{seenSchema, all})
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
