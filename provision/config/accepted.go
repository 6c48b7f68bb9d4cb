package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/twin"
)

// acceptedVersion is the format version of the record. A record without a version is
// older than versions, and has the format of version 1.
const acceptedVersion = 1

// Files are the directories of the configuration and of its record.
type Files struct {
	Config string // has config.toml and config.d
	State  string // has the record of the last accepted configuration
}

// AcceptedPath returns the path of the record: the last configuration that was applied.
func (f Files) AcceptedPath() string { return filepath.Join(f.State, "accepted.json") }

// AcceptedCopyPath returns the path of its copy, for the case that the configuration and
// the record are damaged together.
func (f Files) AcceptedCopyPath() string { return filepath.Join(f.State, "accepted.copy.json") }

// Record is the last configuration that apply or the daemon applied to the host, as far as
// it can be read.
type Record struct {
	Layered
	Found bool // Layered was read, from accepted.json or its copy
	// Damage is a *RecordError if accepted.json or its copy cannot be used. If Found is set
	// too, Layered is from the other one.
	Damage error
	// Managed are the items that this program manages on the host, as other records show. They
	// matter if there is no record.
	Managed []string
}

// RecordError says why the record of the accepted configuration cannot be used.
type RecordError struct {
	Path   string
	Reason string
	Newer  bool  // a newer version of this program wrote it
	Found  bool  // the other of record and copy is used
	Err    error // why the file could not be read; else nil
}

func (e *RecordError) Error() string { return e.Path + ": " + e.Reason }

func (e *RecordError) Unwrap() error { return e.Err }

// Accepted reads the record. On a host that never had one, Found is false and Damage nil.
func (f Files) Accepted() Record {
	l, found, err := twin.Read(twin.Files{Path: f.AcceptedPath(), Copy: f.AcceptedCopyPath()}, readRecord)
	damage, isDamaged := errors.AsType[*RecordError](err)
	ofCopy := isDamaged && found && damage.Path == f.AcceptedCopyPath()
	switch {
	case !isDamaged, ofCopy && errors.Is(damage, fs.ErrPermission):
		return Record{Layered: l, Found: found}
	case ofCopy:
		damage.Newer = false // the record is used
	case damage.Newer:
		return Record{Damage: damage} // the copy may be older
	}
	damage.Found = found
	return Record{Layered: l, Found: found, Damage: damage}
}

// readRecord reads one of the two files. Its error is a *RecordError.
func readRecord(path string) (Layered, error) {
	text, err := durable.ReadOwn(path, MaxFile)
	if err != nil {
		reason := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "read "+path+": "), path+": ")
		return Layered{}, &RecordError{Path: path, Reason: reason, Err: err}
	}
	damaged := func(format string, args ...any) (Layered, error) {
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
		reason := fmt.Sprintf("it has version %d, and this program reads versions up to %d", envelope.Version, acceptedVersion)
		return Layered{}, &RecordError{Path: path, Reason: reason, Newer: true}
	}
	if envelope.Version < 0 || envelope.Config == nil || envelope.Sources == nil {
		return damaged("it is damaged: configuration or sources are missing")
	}
	l := Layered{Config: Default(), Sources: envelope.Sources}
	decoder := json.NewDecoder(bytes.NewReader(envelope.Config))
	decoder.DisallowUnknownFields() // dropping an unknown field would lose a setting
	if err := decoder.Decode(&l.Config); err != nil {
		return damaged("it is damaged: %v", err)
	}
	if err := l.Config.Validate(); err != nil {
		return damaged("it is damaged: %v", err)
	}
	return l, nil
}

// Accept records l, so that no setting is lost unnoticed if the configuration files are
// lost. It keeps a record that does not parse, or a directory, under the same name with
// ".unread" at the end.
// The caller must hold the lock of package state.
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
		return err // readers would trust the old record
	}
	_, copyDamage := readRecord(f.AcceptedCopyPath())
	if copyErr := putRecord(f.AcceptedCopyPath(), text, copyDamage); copyErr != nil {
		return errors.Join(err, copyErr)
	}
	return nil // Accepted reports the damage of accepted.json
}

// Forget removes the record and its copy.
func (f Files) Forget() error {
	for _, path := range []string{f.AcceptedCopyPath(), f.AcceptedPath()} {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return durable.SyncDir(f.State)
}

// putRecord writes one of the two files, unless it already has text. damage is why the old one cannot be used.
func putRecord(path string, text []byte, damage error) error {
	if old, err := durable.ReadOwn(path, MaxFile); err == nil && bytes.Equal(old, text) {
		return nil
	}
	info, err := os.Lstat(path)
	isDir := err == nil && info.IsDir() // a rename cannot replace it
	if isDir || damage != nil && errors.Unwrap(damage) == nil {
		if _, err := twin.MoveAside(path); err != nil {
			return err
		}
	}
	return durable.WriteFile(path, text, durable.Plain(0o600))
}

// Lost lists the keys that accepted sets and l does not, sorted. It omits the metrics.* keys:
// nothing on the host depends on them.
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

// sets reports whether l sets key or a key below it.
func (l Layered) sets(key string) bool {
	for set := range l.Sources {
		if set == key || strings.HasPrefix(set, key+".") {
			return true
		}
	}
	return false
}
