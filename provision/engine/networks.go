package engine

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
)

// Network is a network of dockerd.
type Network struct {
	ID       string `json:"Id"`
	Name     string
	Driver   string
	Scope    string // "local", "swarm"
	Internal bool   // it has no way out
	// EnableIPv6 says that its containers have IPv6 addresses.
	EnableIPv6 bool
}

// Networks lists the networks.
func (c *Client) Networks(ctx context.Context) ([]Network, error) {
	var list []Network
	err := c.agree(ctx)
	if err == nil {
		var found bool
		if found, err = c.get(ctx, "/networks", &list); err == nil && !found {
			err = errors.New("404 Not Found: /networks")
		}
	}
	return list, c.withAct(ctx, "list networks", err)
}

// Connected is a network, with the addresses of the containers on it by their IDs.
type Connected struct {
	Network
	Addrs map[string][]netip.Addr
}

// Connected looks a network up, also with the containers that are starting: unlike the description of a container, dockerd
// answers it during the start. found is false if there is no such network.
func (c *Client) Connected(ctx context.Context, network string) (n Connected, found bool, err error) {
	var said struct {
		Network
		Containers map[string]struct{ IPv4Address, IPv6Address string }
	}
	if err = c.agree(ctx); err == nil {
		found, err = c.get(ctx, "/networks/"+url.PathEscape(network), &said)
	}
	n = Connected{said.Network, map[string][]netip.Addr{}}
	for id, at := range said.Containers {
		for _, text := range []string{at.IPv4Address, at.IPv6Address} {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				n.Addrs[id] = append(n.Addrs[id], prefix.Addr())
			}
		}
	}
	return n, found, c.withAct(ctx, "look up a network", err)
}
