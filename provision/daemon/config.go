package daemon

import (
	"errors"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// errNoConfig says that there is nothing to keep the host at.
var errNoConfig = errors.New("there is no configuration to keep the host at")

// keptConfig is the configuration that the host is kept at.
type keptConfig struct {
	config.Layered
	// keptBecause says why the files are not taken as they are; "" when they are.
	whyKept string
	// record is what is wrong with the record of what was accepted; "" for nothing.
	recordDamage string
	// acceptable reports that the record may be written from the files.
	mayWriteRecord bool
	// trusted reports that nothing can have been lost before it was read.
	trusted bool
	wasRead bool // the configuration was read
}

// keep reads the files of the configuration. What they have lost since the host
// was last made to be as they said is not given up: then the last good one is
// kept, whole, until the files are put back or a person runs apply --give-up.
// last is what a daemon has kept the host at so far, and stands in for a record
// that cannot be read.
func keep(host *host.Host, last keptConfig) (keptConfig, error) {
	record := host.ConfigFiles().Accepted()
	trusted := record.Found || record.Damage == nil || last.trusted
	if !record.Found && last.wasRead {
		record.Layered, record.Found = last.Layered, true
	}
	in, err := host.ConfigFiles().InEffect(record, config.Overrides{}, false)
	if err != nil {
		return keptConfig{}, errors.Join(errNoConfig, err)
	}
	k := keptConfig{Layered: in.Layered, mayWriteRecord: in.Acceptable(), trusted: trusted, wasRead: true}
	if in.Unread != nil || in.Lost != nil {
		k.whyKept = in.Err().Error()
	}
	if in.Lost != nil {
		k.whyKept += "; put the files back, or give the settings up: `runsc-provisioner apply --give-up`"
	}
	var damage *config.RecordError
	if errors.As(in.Record, &damage) {
		k.recordDamage = damage.Error()
		// What a newer program has written is not for this one to write over; any
		// other record is written again from what this daemon knows.
		k.mayWriteRecord = k.mayWriteRecord || k.whyKept == "" && trusted && !damage.Newer
	}
	return k, nil
}
