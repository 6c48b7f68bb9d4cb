package names

import (
	"strings"

	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/hostsfile"
)

// clear takes back what was written to the files of all containers.
func (r *run) clear() {
	for _, c := range r.all {
		if c.hosts {
			c.hosts = false
			r.settle(c, containerdir.HostsName, r.clearHosts(c))
		}
		if c.resolv {
			c.resolv = false
			r.settle(c, containerdir.ResolvName, r.clearResolv(c))
		}
	}
}

func (r *run) clearHosts(c *one) error {
	f, err := r.root.Open(c.ID, containerdir.HostsName)
	if err != nil {
		return err
	}
	tail, ours := hostsfile.Clear(f.Text)
	if !ours {
		return nil
	}
	return f.ReplaceTail(tail, r.goal.Owner)
}

func (r *run) clearResolv(c *one) error {
	f, err := r.root.Open(c.ID, containerdir.ResolvName)
	if err != nil || !strings.Contains(f.Text, hostsfile.Mark) {
		return err
	}
	_, tail, err := hostsfile.MaintainResolv(f.Text, nil)
	if err != nil || tail.Text == "" {
		return err
	}
	return f.ReplaceTail(tail, r.goal.Owner)
}
