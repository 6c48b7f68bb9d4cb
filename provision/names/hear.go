package names

import (
	"fmt"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/dockerdns"
	"runsc-provisioner/provision/engine"
)

// hear notes what has changed.
func (r *run) hear(events []event) {
	for _, e := range events {
		if r.root == nil {
			return // an event before it has ended the watching
		}
		c := r.all[e.id]
		switch {
		case e.lost():
			r.try(r.list())
		case e.id == "" && e.mask&(unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_IGNORED|unix.IN_UNMOUNT) != 0:
			r.fail(fmt.Errorf("%s was removed", r.root.Path()))
			return
		case e.id == "" && !engine.IsContainerID(e.name):
		case e.id == "" && e.mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0:
			r.try(r.add(e.name))
		case e.id == "" && e.mask&unix.IN_DELETE != 0:
			r.forget(e.name)
		case c == nil:
		case e.mask&unix.IN_MOVED_TO != 0 && e.name == containerdir.ConfigName:
			// dockerd writes it when a start is over, or something else is.
			r.startEnded(c)
			c.reload = true
		case e.mask&unix.IN_MOVED_TO != 0 && e.name == containerdir.HostConfigName:
			c.reload = true
		case e.mask&written != 0 && e.name == containerdir.HostsName:
			r.heardWrite(c)
			c.hosts = true
		case e.mask&written != 0 && e.name == containerdir.ResolvName:
			r.heardWrite(c)
			c.resolv = true
		}
	}
}

// heardWrite notes that something has written to a file of a container. If it does not run, dockerd is starting it.
func (r *run) heardWrite(c *one) {
	if c.Running {
		c.pace.heard()
		return
	}
	c.starts, c.pace = true, pace{} // its own program does not run yet
	r.askFor(c)
}

// startEnded takes back what a container had while dockerd was starting it.
func (r *run) startEnded(c *one) {
	if c.starts {
		c.starts, c.asks = false, 0
		r.touchPeers(c)
	}
}

// askFor asks for the addresses of a container that starts.
func (r *run) askFor(c *one) {
	for _, e := range c.Endpoints {
		if dockerdns.HasDNS(e.Network) {
			r.ask(e.Network)
		}
	}
}
