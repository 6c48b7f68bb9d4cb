package state

import (
	"fmt"
	"path/filepath"
)

// Trials are the names of containers of proofs that could not be removed when
// their journal was closed: Docker was down.
func (d Dir) Trials() KeyFile { return KeyFile{filepath.Join(string(d), "trials")} }

func (d Dir) NoteTrial(j Journal) error {
	if j.Trial == "" || j.TrialGone {
		return nil
	}
	if err := d.Trials().Add(j.Trial); err != nil {
		return fmt.Errorf("note the container %s: %w", j.Trial, err)
	}
	return nil
}
