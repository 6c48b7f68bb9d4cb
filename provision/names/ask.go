package names

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"runsc-provisioner/provision/dockerdns"
	"runsc-provisioner/provision/engine"
)

// answer is what dockerd has said about a network, or about all for the name "".
type answer struct {
	network string
	all     []engine.Network
	one     engine.Connected
	found   bool
	err     error
}

// ask makes work ask dockerd about a network; "" is the list of them.
func (r *run) ask(network string) { r.askMore[network] = true }

// sendAsks asks dockerd, each network once at a time.
func (r *run) sendAsks(ctx context.Context) {
	for network := range r.askMore {
		if r.asking[network] {
			continue
		}
		r.asking[network] = true
		delete(r.askMore, network)
		go r.askOne(ctx, r.goal.Dial, network, r.answers)
	}
}

func (*run) askOne(ctx context.Context, dial func() (Docker, error), network string, to chan<- answer) {
	said := answer{network: network}
	client, err := dial()
	if err == nil {
		if network == "" {
			said.all, err = client.Networks(ctx)
		} else {
			said.one, said.found, err = client.Connected(ctx, network)
		}
		_ = client.Close()
	}
	said.err = err
	select {
	case to <- said:
	case <-ctx.Done():
	}
}

// learn takes an answer of dockerd.
func (r *run) learn(a answer) {
	delete(r.asking, a.network)
	switch {
	case a.err != nil:
		// dockerd is down, or restarts. Nothing starts then.
		r.unlisted = r.unlisted || a.network == ""
		r.lookAgain(againAfter)
	case a.network == "":
		r.unlisted = false
		for _, n := range a.all {
			r.learnNetwork(n)
		}
	case a.found:
		r.learnNetwork(a.one.Network)
		r.learnAddresses(a.network, a.one.Addrs)
	}
}

// learnNetwork takes what decides about the order of networks and about upstream name servers.
func (r *run) learnNetwork(n engine.Network) {
	now := networkOf(n)
	if before, known := r.networks[n.Name]; known && before == now {
		return
	}
	r.networks[n.Name] = now
	for _, c := range r.all {
		if c.isOn(n.Name) {
			c.touch()
		}
	}
}

func networkOf(n engine.Network) dockerdns.Network {
	return dockerdns.Network{Internal: n.Internal, IPv6: n.EnableIPv6}
}

func (c *one) isOn(network string) bool {
	return slices.ContainsFunc(c.Endpoints, func(e dockerdns.Endpoint) bool { return e.Network == network })
}

// learnAddresses takes the addresses of containers that start.
func (r *run) learnAddresses(network string, addrs map[string][]netip.Addr) {
	now := map[string][]netip.Addr{}
	for id, c := range r.all {
		if c.Running || !c.starts {
			continue
		}
		if at := addrs[id]; len(at) > 0 {
			now[id] = at
		} else if c.isOn(network) {
			r.lookAgain(soon)
		}
	}
	if !maps.EqualFunc(r.starting[network], now, slices.Equal) {
		r.starting[network] = now
		r.touchOn(network)
	}
}
