package names

import (
	"slices"
	"strings"

	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/dockerdns"
)

// reload reads the descriptions that have changed.
func (r *run) reload() {
	for id, c := range r.all {
		if !c.reload {
			continue
		}
		c.reload = false
		now, err := r.root.Read(id)
		switch {
		case containerdir.IsGone(err):
			// It is being created, and the file comes, or it was removed.
			continue
		case err != nil:
			c.left[containerdir.ConfigName] = err.Error()
			r.lookAgain(maxAgain)
			continue
		}
		delete(c.left, containerdir.ConfigName)
		before := *c
		if c.Container = now; !c.Running && !c.starts && c.HostsNewer {
			// Its first events came before it was watched.
			c.starts = true
			r.askFor(c)
			r.touchPeers(c)
			c.touch()
		}
		if !sameNames(before.Container, now) {
			r.touchPeers(&before)
			r.touchPeers(c)
			c.touch()
		}
	}
}

// sameNames reports whether two descriptions of a container give the same names to others, and to its files.
func sameNames(a, b containerdir.Container) bool {
	return a.Running == b.Running && a.Name == b.Name && a.Runtime == b.Runtime &&
		slices.EqualFunc(a.Endpoints, b.Endpoints, func(x, y dockerdns.Endpoint) bool {
			return x.Network == y.Network && x.Priority == y.Priority && slices.Equal(x.Names, y.Names) &&
				slices.Equal(x.Links, y.Links) && slices.Equal(x.Addrs, y.Addrs)
		})
}

// touchPeers makes the next work look at the hosts files of all on the networks of c.
func (r *run) touchPeers(c *one) {
	for _, e := range c.Endpoints {
		r.touchOn(e.Network)
	}
}

func (r *run) touchOn(network string) {
	for _, c := range r.all {
		c.hosts = c.hosts || c.isOn(network)
	}
}

// view is a container as Docker's DNS knows it now.
func (r *run) view(c *one) dockerdns.Container {
	seen := c.Container.Container
	if c.Running || !c.starts {
		return seen
	}
	seen.Starting = true
	seen.Endpoints = slices.Clone(seen.Endpoints)
	for i, e := range seen.Endpoints {
		seen.Endpoints[i].Addrs = r.starting[e.Network][c.ID]
	}
	return seen
}

// isOurs reports whether the names of a container are kept.
func (r *run) isOurs(c *one) bool {
	return (c.Running || c.starts) && r.goal.covers(c.Container)
}

// ownNames are the names, in lower case, in lines that dockerd writes for a container.
func (r *run) ownNames(c *one) map[string]bool {
	names := []string{c.Hostname, c.Hostname + "." + c.Domain}
	names = append(names, c.ExtraHosts...)
	for _, link := range c.Links {
		target, alias, _ := strings.Cut(link, ":")
		names = append(names, target, alias)
		for _, other := range r.all {
			if other.Name == strings.TrimPrefix(target, "/") {
				names = append(names, other.Hostname)
			}
		}
	}
	own := map[string]bool{}
	for _, name := range names {
		name = strings.ToLower(name)
		first, _, _ := strings.Cut(name, ".")
		own[name], own[first] = true, true
	}
	return own
}
