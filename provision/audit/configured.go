package audit

import (
	"cmp"
	"slices"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
)

// AddConfig adds what is wrong with the configuration that the host was judged
// by; err is InEffect.Err, or InEffect's own.
func (v *Verification) AddConfig(h *host.Host, err error) {
	item, code := checkup.ConfigItemWithCode(h, err)
	if item.Health == checkup.Healthy {
		return
	}
	v.Items = append([]checkup.Item{item}, v.Items...)
	found := Finding{Health: item.Health, Code: code, Object: item.Name, Seen: item.Seen, Remedy: item.Remedy}
	v.Findings = append([]Finding{found}, v.Findings...)
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return cmp.Compare(b.Health, a.Health) })
}
