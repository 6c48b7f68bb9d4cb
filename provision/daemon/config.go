package daemon

import (
	"cmp"
	"errors"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// errNoConfig means that no configuration can be enforced.
var errNoConfig = errors.New("there is no configuration to enforce")

// keptConfig is the configuration that the daemon enforces.
type keptConfig struct {
	config.Layered
	// whyKept is why the last good configuration replaces the files; "" if it does not.
	whyKept string
	// recordDamage is what is wrong with the record of the accepted configuration, or "".
	recordDamage string
	// missing says that the record was missing on a provisioned host when the daemon started, and
	// that no file sets anything: the built-in values are in effect. Only a person may make
	// them the accepted ones.
	missing string
	// mayWriteRecord is true if the record may be written from the files.
	mayWriteRecord bool
	// trusted is true if nothing can have been lost before the configuration was read.
	trusted bool
	wasRead bool // the configuration was read
}

// keep reads the files of the configuration. If they have lost settings since they
// were last enforced, it keeps the whole last good configuration, until the files
// are put back or the user runs apply --give-up. last is the configuration that the
// daemon has enforced so far; it replaces a record that cannot be read.
func keep(host *host.Host, last keptConfig) (keptConfig, error) {
	record := host.Accepted()
	isMissing := !record.Found && record.Damage == nil
	trusted := record.Found || record.Damage == nil || last.trusted
	if !record.Found && last.wasRead {
		record.Layered, record.Found = last.Layered, true
	}
	in, err := host.ConfigFiles().InEffect(record, config.Overrides{}, false)
	if err != nil {
		return keptConfig{}, errors.Join(errNoConfig, err)
	}
	k := keptConfig{Layered: in.Layered, mayWriteRecord: in.Acceptable(), trusted: trusted, wasRead: true}
	if in.FilesErr != nil || in.Lost != nil {
		k.whyKept = in.Err().Error()
	}
	if in.Lost != nil {
		k.whyKept += "; put the files back, or give the settings up: `runsc-provisioner apply --give-up`"
	}
	if len(in.Sources) == 0 && isMissing {
		k.missing = cmp.Or(in.Missing, last.missing)
	}
	if k.missing != "" {
		k.recordDamage, k.mayWriteRecord = k.missing, false
	}
	var damage *config.RecordError
	if errors.As(in.RecordErr, &damage) {
		k.recordDamage = damage.Error()
		// This program does not overwrite the record of a newer one. It writes any
		// other record again.
		k.mayWriteRecord = k.mayWriteRecord || k.whyKept == "" && trusted && !damage.Newer
	}
	return k, nil
}
