package state

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"runsc-provisioner/provision/durable"
)

// restartedPath returns the path of the time of the last restart.
func (d Dir) restartedPath() string { return filepath.Join(string(d), "restarted") }

// LastRestart returns when the daemon of this program last restarted Docker; zero if never.
func (d Dir) LastRestart() (time.Time, error) {
	text, err := durable.ReadLimited(d.restartedPath(), 64)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return time.Time{}, fmt.Errorf("read %s: %w", d.restartedPath(), err)
	}
	return at, nil
}

// NoteRestart records that the daemon is about to restart Docker, with a precision of 1 s.
func (d Dir) NoteRestart(at time.Time) error {
	return durable.WriteFile(d.restartedPath(), []byte(at.UTC().Format(time.RFC3339)), durable.Plain(0o600))
}
