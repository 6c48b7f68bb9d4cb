package state

import (
	"maps"
	"path/filepath"
	"time"
)

// offers is the file.
type offers struct {
	SchemaVersion int                  `json:"schema_version"`
	FirstSeen     map[string]time.Time `json:"first_seen"` // by the digest of what would be fetched
}

func (o offers) schema() int { return o.SchemaVersion }

func (d Dir) offersPath() string { return filepath.Join(string(d), offersName) }

// FirstOffered is when this host first saw that a source has the file with a digest: now, if it had not seen that yet.
// It records it.
func (d Dir) FirstOffered(sha512 string, now time.Time) (time.Time, error) {
	all, err := readRecord[offers](d.offersPath(), maxSeen, seenSchema)
	if err != nil {
		return time.Time{}, err
	}
	if first, seen := all.FirstSeen[sha512]; seen && !first.After(now) { // else the clock was wrong
		return first, nil
	}
	next := maps.Collect(maps.All(all.FirstSeen))
	first := now.UTC().Truncate(time.Second)
	next[sha512] = first
	forgetOldest(next, func(first time.Time) time.Time { return first })
	return first, writeRecord(d.offersPath(), offers{seenSchema, next})
}
