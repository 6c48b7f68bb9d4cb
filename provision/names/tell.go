package names

import (
	"maps"
	"slices"

	"runsc-provisioner/provision/dockerdns"
)

// tell reports what has changed.
func (r *run) tell() {
	now := Report{Mode: r.goal.Mode, Err: r.err}
	for _, id := range slices.Sorted(maps.Keys(r.all)) {
		c := r.all[id]
		if c.Running && r.goal.Mode == Maintain && r.isOurs(c) && slices.ContainsFunc(c.Endpoints, hasDNS) {
			now.Ours++
			if c.complete && len(c.left) == 0 {
				now.Kept++
			}
		}
		for _, file := range slices.Sorted(maps.Keys(c.left)) {
			if len(now.Left) < maxLeft {
				now.Left = append(now.Left, Left{ID: id, Name: c.Name, File: file, Reason: c.left[file]})
			}
		}
	}
	if r.reported.Mode == now.Mode && r.reported.Kept == now.Kept && r.reported.Ours == now.Ours && slices.Equal(r.reported.Left, now.Left) && text(r.reported.Err) == text(now.Err) {
		return
	}
	r.reported = now
	r.report(now)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func hasDNS(e dockerdns.Endpoint) bool { return dockerdns.HasDNS(e.Network) }
