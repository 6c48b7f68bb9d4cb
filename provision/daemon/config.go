package daemon

import (
	"errors"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// errNoConfig says that there is nothing to keep the host at.
var errNoConfig = errors.New("there is no configuration to keep the host at")

// kept is the configuration that the host is kept at.
type kept struct {
	config.Layered
	// keptBecause says why the files are not taken as they are; "" when they are.
	keptBecause string
	// record is what is wrong with the record of what was accepted; "" for nothing.
	record string
	// acceptable reports that the record may be written from the files.
	acceptable bool
	// trusted reports that nothing can have been lost before it was read.
	trusted bool
	wasRead bool // the configuration was read
}

// keep reads the files of the configuration. What they have lost since the host
// was last made to be as they said is not given up: then the last good one is
// kept, whole, until the files are put back or a person runs apply --give-up.
// last is what a daemon has kept the host at so far, and stands in for a record
// that cannot be read.
func keep(host *host.Host, last kept) (kept, error) {
	record := host.ConfigFiles().Accepted()
	trusted := record.Found || record.Damage == nil || last.trusted
	if !record.Found && last.wasRead {
		record.Layered, record.Found = last.Layered, true
	}
	in, err := host.ConfigFiles().InEffect(record, config.Overrides{}, false)
	if err != nil {
		return kept{}, errors.Join(errNoConfig, err)
	}
	k := kept{Layered: in.Layered, acceptable: in.Acceptable(), trusted: trusted, wasRead: true}
	if in.Unread != nil || in.Lost != nil {
		k.keptBecause = in.Err().Error()
	}
	if in.Lost != nil {
		k.keptBecause += "; put the files back, or give the settings up: `runsc-provisioner apply --give-up`"
	}
	var damage *config.RecordError
	if errors.As(in.Record, &damage) {
		k.record = damage.Error()
		// What a newer program has written is not for this one to write over; any
		// other record is written again from what this daemon knows.
		k.acceptable = k.acceptable || k.keptBecause == "" && trusted && !damage.Newer
	}
	return k, nil
}
