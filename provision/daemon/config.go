package daemon

import (
	"errors"
	"strings"

	"runsc-provisioner/provision"
)

// errNoConfig says that there is nothing to keep the host at.
var errNoConfig = errors.New("the configuration is not understood, and there is none from before")

// kept is the configuration that the host is kept at.
type kept struct {
	provision.Layered
	// why the files are not taken as they are; "" when they are.
	why   string
	known bool // it was read
}

// keep reads the files of the configuration. What they have lost since the host
// was last made to be as they said is not given up: then the last good one is
// kept, whole, until somebody runs apply.
func keep(host *provision.Host) (kept, error) {
	accepted, found, err := host.Accepted()
	if err != nil {
		return kept{}, err
	}
	files, err := provision.LoadConfig(host.Paths.Config)
	switch {
	case err != nil && !found:
		return kept{}, errors.Join(errNoConfig, err)
	case err != nil:
		return kept{accepted, err.Error(), true}, nil
	}
	if lost := files.Lost(accepted); found && len(lost) > 0 {
		return kept{accepted, "it does not set " + strings.Join(lost, ", ") + " any more; `runsc-provisioner apply` takes that as it is", true}, nil
	}
	return kept{files, "", true}, nil
}
