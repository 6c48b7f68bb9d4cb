package host

import (
	"fmt"

	"runsc-provisioner/provision/release"
)

// Installed is the release called name, as it is in the store now.
func (h *Host) Installed(name string) (release.Installed, error) {
	releases, err := h.Store().List()
	if err != nil {
		return release.Installed{}, err
	}
	for _, r := range releases {
		if r.Name == name {
			return r, nil
		}
	}
	return release.Installed{}, fmt.Errorf("release %s is not in %s", name, h.Paths.Store)
}
