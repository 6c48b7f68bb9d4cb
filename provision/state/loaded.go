package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"

	"runsc-provisioner/provision/durable"
)

const LoadedSchema = 1

// maxLoaded is the most bytes that the file of it may have: a digest and a
// name for each option.
const maxLoaded = 256 << 10

// Loaded is what is known of the texts of daemon.json that one dockerd has read:
// of each option the digest of its value, because secrets live there.
type Loaded struct {
	SchemaVersion int    `json:"schema_version"`
	Invocation    string `json:"invocation"` // the start of docker.service that it belongs to
	// Started is of the text that it started from; nil is not known.
	Started map[string]string `json:"started,omitempty"`
	// Reloaded is of what it has read last, by a reload of ours.
	Reloaded map[string]string `json:"reloaded,omitempty"`
}

// Hot is what dockerd is known to have of the options that a reload changes; nil
// is not known.
func (l Loaded) Hot() map[string]string {
	if l.Reloaded != nil {
		return l.Reloaded
	}
	return l.Started
}

func (d Dir) LoadedPath() string { return filepath.Join(string(d), "loaded.json") }

func (d Dir) ReadLoaded() (Loaded, error) {
	text, err := durable.ReadLimited(d.LoadedPath(), maxLoaded)
	if errors.Is(err, fs.ErrNotExist) {
		return Loaded{}, nil
	}
	var l Loaded
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err == nil && l.SchemaVersion != LoadedSchema {
		err = fmt.Errorf("%s is of another version of this program (schema %d)", d.LoadedPath(), l.SchemaVersion)
	}
	if err != nil {
		return Loaded{}, err
	}
	return l, nil
}

// WriteLoaded keeps l, unless it is kept already or says nothing.
func (d Dir) WriteLoaded(l Loaded) error {
	if l.Invocation == "" || l.Started == nil && l.Reloaded == nil {
		return nil
	}
	kept, err := d.ReadLoaded()
	if err == nil && kept.Invocation == l.Invocation && maps.Equal(kept.Started, l.Started) && maps.Equal(kept.Reloaded, l.Reloaded) {
		return nil
	}
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", d.LoadedPath(), err)
	}
	return durable.WriteFile(d.LoadedPath(), append(text, '\n'), durable.Plain(0o600))
}
