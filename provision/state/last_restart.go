package state

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"runsc-provisioner/provision/durable"
)

// restartedPath returns the path of the time of the last restart.
func (d Dir) restartedPath() string { return filepath.Join(string(d), restartedName) }

// maxRestarted limits its size in bytes.
const maxRestarted = 64

// LastRestart returns when the daemon of this program last restarted Docker; zero if never.
// If the record cannot be read, it is when the record was last written.
func (d Dir) LastRestart() (time.Time, error) {
	text, err := durable.ReadOwn(d.restartedPath(), maxRestarted)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return time.Time{}, err
	}
	at, parseErr := time.Parse(time.RFC3339, string(text))
	if err != nil || parseErr != nil {
		return timeOf(d.restartedPath()), nil
	}
	return at, nil
}

// NoteRestart records that the daemon is about to restart Docker, with a precision of 1 s.
func (d Dir) NoteRestart(at time.Time) error {
	return durable.WriteFile(d.restartedPath(), []byte(at.UTC().Format(time.RFC3339)), durable.Plain(0o600))
}
