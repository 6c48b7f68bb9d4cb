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

// LoadedSchema is the schema version that this program writes and reads.
const LoadedSchema = 1

// maxLoaded limits the size of loaded.json in bytes: a name and a digest for each option.
const maxLoaded = 256 << 10

// Loaded is what is known of the texts of daemon.json that one dockerd has read. It has
// digests instead of values, because values may be secrets.
type Loaded struct {
	SchemaVersion int    `json:"schema_version"`
	Invocation    string `json:"invocation"` // InvocationID of docker.service
	// Started is from the text with which dockerd started; nil if unknown.
	Started map[string]string `json:"started,omitempty"`
	// Reloaded is from the text of its last reload by this program; nil if there was none.
	Reloaded map[string]string `json:"reloaded,omitempty"`
}

// Hot returns the digests of the options that a reload changes, as dockerd has them now;
// nil if unknown.
func (l Loaded) Hot() map[string]string {
	if l.Reloaded != nil {
		return l.Reloaded
	}
	return l.Started
}

// LoadedPath returns the path of the record of what dockerd has read.
func (d Dir) LoadedPath() string { return filepath.Join(string(d), loadedName) }

// ReadLoaded returns the record; the zero Loaded if there is none.
func (d Dir) ReadLoaded() (Loaded, error) {
	text, err := durable.ReadOwn(d.LoadedPath(), maxLoaded)
	if errors.Is(err, fs.ErrNotExist) {
		return Loaded{}, nil
	}
	if err != nil {
		return Loaded{}, err
	}
	l, err := parseLoaded(text)
	if err != nil {
		return Loaded{}, fmt.Errorf("%s: %w", d.LoadedPath(), err)
	}
	return l, nil
}

func parseLoaded(text []byte) (l Loaded, err error) {
	if err := json.Unmarshal(text, &l); err != nil {
		return Loaded{}, fmt.Errorf("it is damaged: %w", err)
	}
	if l.SchemaVersion != LoadedSchema {
		return Loaded{}, fmt.Errorf("another version of this program wrote it (schema %d, want %d)", l.SchemaVersion, LoadedSchema)
	}
	return l, nil
}

// WriteLoaded writes l, unless the file has it already or l has no digests.
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
