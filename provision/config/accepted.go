package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/provision/durable"
)

// acceptedVersion is the version of the record's text. A record without one is
// of the time before there were versions, and is read as the first.
const acceptedVersion = 1

// Files are the directories of the configuration and of the record of it.
type Files struct {
	Config string // has config.toml and config.d
	State  string // has the record of what was last accepted
}

// AcceptedPath holds the configuration that the host was last made to be.
func (f Files) AcceptedPath() string { return filepath.Join(f.State, "accepted.json") }

// AcceptedCopyPath holds the same once more. Where configuration and record are
// damaged together, no other record has the accepted configuration.
func (f Files) AcceptedCopyPath() string { return filepath.Join(f.State, "accepted.copy.json") }

// Record is the configuration that the host was last made to be, by apply or by
// the daemon, as far as it can be read.
type Record struct {
	Layered
	Found bool // it was read
	// Damage is a *RecordError where accepted.json cannot be used. With Found
	// the copy of it was read instead.
	Damage error
}

// RecordError says why a record of what was accepted cannot be used.
type RecordError struct {
	Path   string
	Reason string
	Newer  bool  // a newer version of this program wrote it
	Found  bool  // its copy is used instead
	Err    error // why it could not be read; else nil
}

func (e *RecordError) Error() string { return e.Path + ": " + e.Reason }

func (e *RecordError) Unwrap() error { return e.Err }

// Accepted reads the record. A host that never had one has neither record nor
// damage.
func (f Files) Accepted() Record {
	l, damage := readRecord(f.AcceptedPath())
	if damage == nil {
		return Record{Layered: l, Found: true}
	}
	if damage.Newer {
		return Record{Damage: damage} // the copy may be from before it
	}
	copied, copyDamage := readRecord(f.AcceptedCopyPath())
	missing, copyMissing := errors.Is(damage, fs.ErrNotExist), copyDamage != nil && errors.Is(copyDamage, fs.ErrNotExist)
	switch {
	case copyDamage == nil:
		damage.Found = true
		return Record{Layered: copied, Found: true, Damage: damage}
	case missing && copyMissing:
		return Record{}
	case missing:
		return Record{Damage: copyDamage}
	}
	return Record{Damage: damage}
}

// readRecord reads one of the two files.
func readRecord(path string) (Layered, *RecordError) {
	text, err := durable.ReadLimited(path, MaxFile)
	if err != nil {
		return Layered{}, &RecordError{Path: path, Reason: strings.TrimPrefix(err.Error(), "read "+path+": "), Err: err}
	}
	damaged := func(format string, args ...any) (Layered, *RecordError) {
		return Layered{}, &RecordError{Path: path, Reason: fmt.Sprintf(format, args...)}
	}
	var envelope struct {
		Version int
		Config  json.RawMessage
		Sources map[string]string
	}
	if err := json.Unmarshal(text, &envelope); err != nil {
		return damaged("it is damaged: %v", err)
	}
	if envelope.Version > acceptedVersion {
		_, e := damaged("it is of version %d, and this program knows versions up to %d", envelope.Version, acceptedVersion)
		e.Newer = true
		return Layered{}, e
	}
	if envelope.Version < 0 || envelope.Config == nil || envelope.Sources == nil {
		return damaged("it is damaged: configuration or sources are missing")
	}
	l := Layered{Config: Default(), Sources: envelope.Sources}
	decoder := json.NewDecoder(bytes.NewReader(envelope.Config))
	decoder.DisallowUnknownFields() // to drop what is not understood would lose it
	if err := decoder.Decode(&l.Config); err != nil {
		return damaged("it is damaged: %v", err)
	}
	if err := l.Config.Validate(); err != nil {
		return damaged("it is damaged: %v", err)
	}
	return l, nil
}

// Accept remembers l, so that nothing of it is given up should the files of the
// configuration be lost. A record that cannot be read is kept beside it, with
// ".unread" at the end of its name. The caller holds the lock.
func (f Files) Accept(l Layered) error {
	body, err := json.MarshalIndent(struct {
		Version int `json:"version"`
		Layered
	}{acceptedVersion, l}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the configuration: %w", err)
	}
	text := append(body, '\n')
	_, damage := readRecord(f.AcceptedPath())
	err = putRecord(f.AcceptedPath(), text, damage)
	if err != nil && damage == nil {
		return err // what could not be replaced would be believed
	}
	_, copyDamage := readRecord(f.AcceptedCopyPath())
	if copyErr := putRecord(f.AcceptedCopyPath(), text, copyDamage); copyErr != nil {
		return errors.Join(err, copyErr)
	}
	return nil // Accepted says what is wrong with accepted.json
}

// putRecord writes one of the two files, where it does not have text already.
func putRecord(path string, text []byte, damage *RecordError) error {
	if old, err := durable.ReadLimited(path, MaxFile); err == nil && bytes.Equal(old, text) {
		return nil
	}
	if damage != nil && damage.Err == nil {
		if err := durable.Rename(path, path+".unread"); err != nil {
			return err
		}
	}
	return durable.WriteFile(path, text, durable.Plain(0o600))
}

// Lost lists the keys, sorted, that accepted has set and l does not. Metrics are
// not among them: nothing of the host depends on those.
func (l Layered) Lost(accepted Layered) []string {
	var lost []string
	for key := range accepted.Sources {
		if !l.sets(key) && !strings.HasPrefix(key, "metrics.") {
			lost = append(lost, key)
		}
	}
	slices.Sort(lost)
	return lost
}

// sets reports whether key, or something in it, was set.
func (l Layered) sets(key string) bool {
	for set := range l.Sources {
		if set == key || strings.HasPrefix(set, key+".") {
			return true
		}
	}
	return false
}
