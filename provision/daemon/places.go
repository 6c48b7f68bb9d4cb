package daemon

import (
	"errors"
	"fmt"
	"slices"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/host"
)

// mustRestart reports whether only a restart of this process gives it access to the places of
// c. In a hardened unit, a store or a data root that was made since the start is read-only.
func (r *rounds) mustRestart(c config.Config) bool {
	if !r.host.Paths.Configured(c).SamePlaces(r.host.Paths) {
		return true
	}
	late := []string{r.host.Paths.Store}
	if c.Docker.Names == config.NamesMaintain {
		late = append(late, dataroot.Next(""))
	}
	return slices.ContainsFunc(late, func(dir string) bool {
		exists, readOnly := host.Place(dir)
		return !r.existed[dir] && exists && readOnly
	})
}

// checkPlaces returns ErrMoved if this process must start again.
func (r *rounds) checkPlaces(c config.Config) error {
	if r.out.moved = r.mustRestart(c); r.out.moved {
		return ErrMoved
	}
	return nil
}

// existing are the directories that a hardened unit gets access to when it starts, and only if they exist then: the store,
// and the data root that the packaged unit names.
func existing(h *host.Host) map[string]bool {
	existed := map[string]bool{}
	for _, dir := range []string{h.Paths.Store, dataroot.Next("")} {
		existed[dir], _ = host.Place(dir)
	}
	return existed
}

// explainPlace adds to a refusal of the store what a hardened unit has to do with it.
func (r *rounds) explainPlace(err error) error {
	var refused *config.Error
	if !errors.As(err, &refused) || refused.Key != "paths.store" {
		return err
	}
	if exists, _ := host.Place(r.host.Paths.Store); exists {
		return err
	}
	return fmt.Errorf("%w; if root can write there and only this service cannot, run `sudo runsc-provisioner apply` once: it makes the directory", err)
}
