package doctor

import (
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// runtimeItems are the same of a look part by part.
func runtimeItems(h *host.Host, c config.Config, l dockerLook) []checkup.Item {
	if l.engineErr != nil || l.fileErr != nil {
		return nil
	}
	o := l.observed
	var err error
	if o.Releases, err = h.Store().List(); err != nil {
		return nil // storeItem says why
	}
	if o.Since, err = h.Since(); err != nil {
		return nil
	}
	o.Proofs, o.Failed = h.State().Remembered()
	return checkup.RuntimeItems(c, o)
}
