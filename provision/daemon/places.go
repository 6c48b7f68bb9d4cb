package daemon

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/durable"
)

// mustRestart reports whether only a restart of this process gives it access to the places of
// c. In a hardened unit, a store that was made since the start is read-only.
func (r *rounds) mustRestart(c config.Config) bool {
	if !r.host.Paths.Configured(c).SamePlaces(r.host.Paths) {
		return true
	}
	exists, readOnly := r.host.StorePlace()
	if !r.storeExisted && exists && readOnly {
		return true
	}
	// Docker was installed after this service began.
	return c.Docker.Names == config.NamesMaintain && !r.dataRootExisted && errors.Is(durable.CannotWrite(dataroot.Next("")), unix.EROFS)
}

// dataRootExists reports whether the data root that the packaged unit names is there.
func dataRootExists() bool {
	_, err := os.Stat(dataroot.Next(""))
	return err == nil
}

// explainPlace adds to a refusal of the store what a hardened unit has to do with it.
func (r *rounds) explainPlace(err error) error {
	var refused *config.Error
	if !errors.As(err, &refused) || refused.Key != "paths.store" {
		return err
	}
	if exists, _ := r.host.StorePlace(); exists {
		return err
	}
	return fmt.Errorf("%w; if root can write there and only this service cannot, run `sudo runsc-provisioner apply` once: it makes the directory", err)
}
