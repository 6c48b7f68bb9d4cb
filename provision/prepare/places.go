package prepare

import (
	"cmp"
	"errors"
	"fmt"
	"syscall"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/places"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
)

// NotePlaces records the configured store and link, so that later runs know them after the
// configuration has changed.
func NotePlaces(h *host.Host) error {
	note := func(keys state.KeyFile, path, builtIn string) error {
		if path == "" || path == builtIn || builtIn == "" || keys.Has(path) {
			return nil
		}
		return keys.Add(path)
	}
	builtIn := h.Paths.BuiltIn()
	return errors.Join(
		note(h.State().Stores(), h.Paths.Store, builtIn.Store),
		note(h.State().Links(), h.Paths.Link, builtIn.Link),
	)
}

// checkPlaces refuses a plan if the state directory, or a store that the plan changes, cannot
// be written to. The error is a *config.Error if another place can be configured.
func checkPlaces(h *host.Host, p plan.Plan, o host.Observed) error {
	if len(p.Steps) == 0 {
		return nil
	}
	if err := h.CheckState(); err != nil {
		return err
	}
	for _, step := range p.Steps {
		if _, installs := step.(steps.InstallRelease); !installs {
			continue
		}
		err := durable.CannotWrite(h.Paths.Store)
		if err == nil || errors.Is(err, syscall.ENOSPC) {
			return err
		}
		return &config.Error{Key: "paths.store", Reason: fmt.Sprintf("%q cannot be used: %v; %s", h.Paths.Store, err, cmp.Or(o.ServiceCannotWrite, places.Suggest(h.Paths.Store, h.Paths.Link)))}
	}
	return nil
}
