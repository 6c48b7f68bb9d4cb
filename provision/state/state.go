// Package state keeps the records that outlive a run, in one directory that only root may
// read: the lock, the journal of a run with copies of daemon.json, the record of the host
// before this program changed it, the proofs, and the failed recoveries. A crash leaves the
// old record or the complete new one. It never takes a damaged record of what was there
// before, or a damaged journal, for a missing one.
package state

import (
	"fmt"

	"runsc-provisioner/provision/durable"
)

// Dir is the path of that directory.
type Dir string

// The names in it.
const (
	lockName        = "lock"
	journalName     = "journal.json"
	backupName      = "backup"
	setAsideName    = "set-aside"
	beforeName      = "before.json"
	loadedName      = "loaded.json"
	madeDirName     = "made-directory.json"
	restartedName   = "restarted"
	proofsName      = "proofs"
	failuresName    = "failed-proofs"
	rejectionsName  = "rejected-arguments"
	validationsName = "validated"
	madeIDsName     = "ids"
	trialsName      = "trials"
	indexesName     = "indexes.json"
	archiveKeyName  = "archive.key"
	offersName      = "offers.json"
)

// Sweep removes what killed runs have left: temporary files, and recoveries that were not
// set aside completely.
func (d Dir) Sweep() error {
	for _, path := range []string{
		d.Journal().Path(), d.Before().Path(), d.LoadedPath(), d.madePath(), d.restartedPath(),
		d.Proofs().path, d.Failures().path, d.Rejections().path, d.Validations().path, d.MadeIDs().path, d.Trials().path,
		d.indexesPath(), d.archiveKeyPath(), d.offersPath(),
	} {
		if err := durable.Sweep(path); err != nil {
			return fmt.Errorf("clear leftovers beside %s: %w", path, err)
		}
	}
	return d.sweepSetAside()
}
