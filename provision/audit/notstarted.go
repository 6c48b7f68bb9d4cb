package audit

import (
	"fmt"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/verify"
)

// maxNotStarted is how many containers that stayed down get a finding each.
const maxNotStarted = 10

// checkNotStarted adds a finding for each container that stayed down because dockerd did not find its
// runtime.
func (v *Verification) checkNotStarted() {
	for i, one := range v.NotStarted {
		if i == maxNotStarted {
			rest := v.NotStarted[i:]
			v.addFinding(checkup.Warning, codeNotStarted, "containers", fmt.Sprintf("%d more did not start for the same reason", len(rest)), checkup.StartRemedy(rest...))
			break
		}
		v.addFinding(checkup.Warning, codeNotStarted, "container "+verify.Printable(one.Name), "it did not start: "+checkup.WhyNotStarted(one), checkup.StartRemedy(one))
	}
	if item := checkup.NotStartedItem(nil, false, v.NotStartedErr); item.Health != checkup.Healthy {
		v.addFinding(item.Health, codeNotStarted, item.Name, item.Seen, item.Remedy)
	}
}
