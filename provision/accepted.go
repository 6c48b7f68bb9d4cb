package provision

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/provision/durable"
)

// acceptedPath holds the configuration that the host was last made to be.
func (h *Host) acceptedPath() string { return filepath.Join(h.Paths.State, "accepted.json") }

// Accepted is the configuration that the host was last made to be, by apply or
// by the daemon. A file that is not there, or is not understood, is none.
func (h *Host) Accepted() (l Layered, found bool, err error) {
	text, err := readLimited(h.acceptedPath(), maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return Layered{}, false, nil
	}
	if err != nil {
		return Layered{}, false, fmt.Errorf("read %s: %w", h.acceptedPath(), err)
	}
	l = Layered{Config: DefaultConfig()}
	if err := json.Unmarshal(text, &l); err != nil || l.Validate() != nil {
		return Layered{}, false, nil
	}
	return l, true, nil
}

// Accept remembers l, so that the daemon goes on with it should the files of
// the configuration be lost. The caller holds the lock.
func (h *Host) Accept(l Layered) error {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the configuration: %w", err)
	}
	text = append(text, '\n')
	if old, err := readLimited(h.acceptedPath(), maxConfig); err == nil && string(old) == string(text) {
		return nil
	}
	return durable.WriteFile(h.acceptedPath(), text, durable.Plain(0o600))
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
