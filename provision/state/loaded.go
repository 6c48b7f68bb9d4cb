package state

import (
	"maps"
	"path/filepath"
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

func (l Loaded) schema() int { return l.SchemaVersion }

// ReadLoaded returns the record; the zero Loaded if there is none.
func (d Dir) ReadLoaded() (Loaded, error) {
	return readRecord[Loaded](d.LoadedPath(), maxLoaded, LoadedSchema)
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
	return writeRecord(d.LoadedPath(), l)
}
