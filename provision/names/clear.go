package names

import (
	"errors"
	"strings"

	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/hostsfile"
)

// Clear takes back what was written to the files of all containers of a data root, and returns the files that were left
// alone. It is for a host on which no Keeper runs; beside one, each of the two may find nothing left to do.
func Clear(g Goal) ([]Left, error) {
	g.Mode = Off
	r := newRun(func(Report) {})
	defer r.close()
	if r.take(g); r.err != nil {
		return nil, r.err
	}
	r.reload()
	r.clear()
	r.tell()
	return r.reported.Left, nil
}

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
		return unlessStopped(c, err)
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
		return unlessStopped(c, err)
	}
	_, tail, err := hostsfile.MaintainResolv(f.Text, nil)
	if err != nil || tail.Text == "" {
		return err
	}
	return f.ReplaceTail(tail, r.goal.Owner)
}

// unlessStopped returns nil for a file that is not dockerd's in a container that does not run: dockerd makes it again.
func unlessStopped(c *one, err error) error {
	var odd *containerdir.OddError
	if errors.As(err, &odd) && !c.Running {
		return nil
	}
	return err
}
