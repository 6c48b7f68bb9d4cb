// Package prepare is what comes before the first step of a plan: it refuses a plan whose
// files could not be replaced or whose text dockerd would not start from, and writes down
// what is there before this program changes it. It changes nothing else.
package prepare

import (
	"context"
	"os"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// Check refuses a plan whose daemon.json could not be put in place, or that dockerd
// would not start from. It changes nothing. validated is the key of a validation that
// the caller may remember, or "". The errors are *blocked.Refused.
func Check(ctx context.Context, h *host.Host, p plan.Plan, o host.Observed) (validated string, err error) {
	root := os.Geteuid() == 0 || h.Owner != 0
	if root {
		if err := checkIDsReplaceable(p); err != nil {
			return "", err
		}
	}
	text := p.LastText()
	if text == nil {
		return "", nil
	}
	doc, err := daemonjson.Parse(text)
	if err != nil {
		return "", &blocked.Refused{Object: o.File.Path, Err: err}
	}
	if err := plan.CheckDefaultRuntime(doc, o); err != nil {
		return "", err
	}
	if _, validated, err = h.Validate(ctx, doc, o); err != nil {
		return "", err
	}
	if !root {
		return "", nil
	}
	return validated, daemonfile.Replaceable(o.File)
}
