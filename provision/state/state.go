// Package state is what is remembered between runs, in one directory that only root
// may read: the lock, the journal of a run with copies of daemon.json, the record of
// what was there before this program, what was proven, and recoveries that failed.
// What is damaged is told from what is missing, and is never taken for it.
package state

import (
	"fmt"

	"runsc-provisioner/provision/durable"
)

// Dir is the directory of what is remembered between runs.
type Dir string

// Sweep removes what killed runs have left of half-written files, and of a
// recovery that they were setting aside.
func (d Dir) Sweep() error {
	for _, path := range []string{
		d.JournalPath(), d.BeforePath(), d.LoadedPath(), d.madePath(), d.restartedPath(),
		d.Proofs().path, d.Failures().path, d.Validations().path, d.MadeIDs().path, d.Trials().path,
	} {
		if err := durable.Sweep(path); err != nil {
			return fmt.Errorf("clear leftovers beside %s: %w", path, err)
		}
	}
	return d.sweepSetAside()
}
