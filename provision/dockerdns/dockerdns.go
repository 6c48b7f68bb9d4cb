// Package dockerdns knows what Docker's DNS, at 127.0.0.11 in the network namespace of a container, answers to that
// container about containers. It is pure, and follows libnetwork in Docker 20.10 to 29 (Sandbox.ResolveName,
// Network.ResolveName, Endpoint.Less); test/e2e compares it with Docker's own answers.
//
// It knows the containers of one dockerd. Services of a swarm, which have addresses of their own, are not in it.
package dockerdns

import (
	"net/netip"
	"slices"
	"strings"

	"runsc-provisioner/provision/hostsfile"
)

// Container is a container as dockerd describes it.
type Container struct {
	ID        string
	Name      string // without the slash
	Endpoints []Endpoint
	// Starting says that dockerd starts it: its own endpoints count without an address.
	Starting bool
}

// Endpoint connects a container to a network. Docker's DNS does not know one without an address.
type Endpoint struct {
	Network string // name
	// Names are those that lead to the container on this network.
	Names []string
	Links []string // "container:alias"
	Addrs []netip.Addr
	// Priority is what the user has set with --network name=…,gw-priority=N, since Docker 28.
	Priority int
}

// Network is what the order of a container's networks depends on.
type Network struct {
	Internal bool // it has no way out
	IPv6     bool
}

// HasDNS reports whether Docker's DNS answers on a network: it does on each that a user made.
func HasDNS(network string) bool {
	return network != "bridge" && network != "host" && network != "none" && network != "docker_gwbridge"
}

// Records are all names of containers that Docker's DNS answers to container me, by address. The first name of each is
// what it answers for the address. all has every container that may be on a network of me, also me itself.
func Records(me Container, all []Container, networks map[string]Network) []hostsfile.Record {
	v := newView(me, all, networks)
	v.links()
	v.wholeNames()
	v.namesWithNetwork()
	return v.records()
}

// view is the networks of a container, in the order in which Docker's DNS looks a name up.
type view struct {
	endpoints []Endpoint // of the container
	peers     map[string][]Container
	index     map[string]map[string][]netip.Addr // by network, and name in lower case
	answers   map[string][]netip.Addr            // by name in lower case
	order     []string                           // of the names in answers, as they are written
}

func newView(me Container, all []Container, networks map[string]Network) *view {
	v := &view{peers: map[string][]Container{}, index: map[string]map[string][]netip.Addr{}, answers: map[string][]netip.Addr{}}
	for _, e := range me.Endpoints {
		if HasDNS(e.Network) && (len(e.Addrs) > 0 || me.Starting) {
			v.endpoints = append(v.endpoints, e)
			v.index[e.Network] = map[string][]netip.Addr{}
		}
	}
	slices.SortFunc(v.endpoints, func(a, b Endpoint) int {
		return compare(a, b, networks[a.Network], networks[b.Network])
	})
	all = slices.SortedFunc(slices.Values(all), func(a, b Container) int { return strings.Compare(a.ID, b.ID) })
	for _, c := range all {
		for _, e := range c.Endpoints {
			names, shared := v.index[e.Network]
			if !shared || len(e.Addrs) == 0 {
				continue
			}
			c.Endpoints = []Endpoint{e}
			v.peers[e.Network] = append(v.peers[e.Network], c)
			for _, name := range unique(e.Names) {
				names[name] = append(names[name], e.Addrs...)
			}
		}
	}
	return v
}

// unique returns names in lower case, each once.
func unique(names []string) []string {
	var lower []string
	for _, name := range names {
		lower = append(lower, strings.ToLower(name))
	}
	slices.Sort(lower)
	return slices.Compact(lower)
}

// compare is the order of libnetwork's Endpoint.Less. A network with a way out comes first, since dockerd gives a
// gateway to each of those.
func compare(a, b Endpoint, networkA, networkB Network) int {
	switch {
	case a.Priority != b.Priority:
		return b.Priority - a.Priority
	case networkA.Internal != networkB.Internal:
		return before(networkB.Internal)
	case networkA.IPv6 != networkB.IPv6 && !networkA.Internal:
		return before(networkA.IPv6)
	}
	return strings.Compare(a.Network, b.Network)
}

func before(first bool) int {
	if first {
		return -1
	}
	return 1
}

// add records the addresses for a name, unless an earlier rule has answered it.
func (v *view) add(name string, addrs []netip.Addr) {
	key := strings.ToLower(name)
	if _, answered := v.answers[key]; answered || len(addrs) == 0 {
		return
	}
	v.answers[key] = addrs
	v.order = append(v.order, name)
}

// lookUp returns the addresses that a name has on a network.
func (v *view) lookUp(name, network string) []netip.Addr {
	return v.index[network][strings.ToLower(name)]
}

// eachLink calls f with the alias and the target of each link of an endpoint.
func eachLink(e Endpoint, f func(alias, target string)) {
	for _, link := range e.Links {
		target, alias, found := strings.Cut(link, ":")
		if !found {
			alias = target
		}
		f(alias, target)
	}
}

// links: an alias goes before a container of that name, on any network.
func (v *view) links() {
	for _, e := range v.endpoints {
		eachLink(e, func(alias, target string) { v.add(alias, v.lookUp(target, e.Network)) })
	}
}

// wholeNames: the first network that has the name answers, with all addresses there, and no other network does.
func (v *view) wholeNames() {
	for _, e := range v.endpoints {
		hidden := hiddenBy(e)
		for _, c := range v.peers[e.Network] {
			for _, name := range c.Endpoints[0].Names {
				if !hidden[strings.ToLower(name)] {
					v.add(name, v.lookUp(name, e.Network))
				}
			}
		}
	}
}

// hiddenBy are the names, lower case, that links of an endpoint hide on its network, also if their target is gone.
func hiddenBy(e Endpoint) map[string]bool {
	hidden := map[string]bool{}
	eachLink(e, func(alias, _ string) { hidden[strings.ToLower(alias)] = true })
	return hidden
}

// namesWithNetwork: NAME.NETWORK. Docker splits a name with several dots at the last one first.
func (v *view) namesWithNetwork() {
	byDots := slices.Clone(v.endpoints)
	slices.SortStableFunc(byDots, func(a, b Endpoint) int {
		return strings.Count(a.Network, ".") - strings.Count(b.Network, ".")
	})
	for _, e := range byDots {
		hidden := hiddenBy(e)
		eachLink(e, func(alias, target string) { v.add(alias+"."+e.Network, v.lookUp(target, e.Network)) })
		for _, c := range v.peers[e.Network] {
			for _, name := range c.Endpoints[0].Names {
				if !hidden[strings.ToLower(name)] {
					v.add(name+"."+e.Network, v.lookUp(name, e.Network))
				}
			}
		}
	}
}

// records sorts the answers by address.
func (v *view) records() (records []hostsfile.Record) {
	at := map[netip.Addr]int{}
	add := func(addr netip.Addr, name string) {
		i, known := at[addr]
		if !known {
			i = len(records)
			at[addr] = i
			records = append(records, hostsfile.Record{Addr: addr})
		}
		// The first name comes again.
		if len(records[i].Names) == 0 || records[i].Names[0] != name {
			records[i].Names = append(records[i].Names, name)
		}
	}
	for _, e := range v.endpoints {
		for _, c := range v.peers[e.Network] {
			v.addFirst(c.Endpoints[0], at, add)
		}
	}
	for _, name := range v.order {
		for _, addr := range v.answers[strings.ToLower(name)] {
			add(addr, name)
		}
	}
	slices.SortFunc(records, func(a, b hostsfile.Record) int { return a.Addr.Compare(b.Addr) })
	return records
}

// addFirst adds what Docker answers for the addresses of an endpoint.
func (v *view) addFirst(e Endpoint, known map[netip.Addr]int, add func(netip.Addr, string)) {
	if len(e.Names) == 0 {
		return
	}
	first := e.Names[0] + "." + e.Network
	for _, addr := range e.Addrs {
		if _, has := known[addr]; !has && slices.Contains(v.answers[strings.ToLower(first)], addr) {
			add(addr, first)
		}
	}
}
