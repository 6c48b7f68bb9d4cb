package containerdir

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/provision/dockerdns"
)

// Container is what dockerd's files say about a container. An endpoint has an address only while the container runs:
// dockerd writes it to its files at the end of a start, and leaves an old one there if it is killed.
type Container struct {
	dockerdns.Container
	Hostname, Domain string
	Runtime          string
	Running          bool // and not waiting for its restart policy
	// HostsNewer says that the hosts file was written at the time of the description or later: dockerd does so while it
	// starts a container.
	HostsNewer bool
	// Shares says that the container has the network of another one, of the host or none: its files are not its own.
	Shares bool
	// OwnHosts and OwnResolv say that something else is mounted at that path in the container.
	OwnHosts, OwnResolv bool
	ExtraHosts          []string // names that dockerd writes into the hosts file
	Links               []string // "container:alias", on the default bridge
	DNS                 []string // the name servers that the container was created with
}

// maxConfig limits a description. Labels and environment are in it, so a client of dockerd decides about the size.
const maxConfig = 16 << 20

// Read reads the description of a container.
func (r *Root) Read(id string) (Container, error) {
	var config config
	written, err := r.decode(id, ConfigName, &config)
	if err != nil {
		return Container{}, err
	}
	var host hostConfig
	if _, err := r.decode(id, HostConfigName, &host); err != nil {
		return Container{}, err
	}
	c := newContainer(id, config, host)
	hosts := r.modified(id, HostsName)
	c.HostsNewer = !hosts.IsZero() && !hosts.Before(written) // the clock of files is coarse
	return c, nil
}

// modified is when a file of a container was last written; zero if there is none.
func (r *Root) modified(id, name string) time.Time {
	file, stat, err := r.open(id, name, 0)
	if err != nil {
		return time.Time{}
	}
	_ = file.Close()
	return time.Unix(stat.Mtim.Unix())
}

// decode reads a description, and returns when it was written.
func (r *Root) decode(id, name string, into any) (written time.Time, err error) {
	file, stat, err := r.open(id, name, 0)
	if err != nil {
		return time.Time{}, err
	}
	defer file.Close()
	limited := &io.LimitedReader{R: file, N: maxConfig}
	if err := json.NewDecoder(limited).Decode(into); err != nil {
		if limited.N <= 0 {
			err = fmt.Errorf("it has more than %d MiB", maxConfig>>20)
		}
		return time.Time{}, fmt.Errorf("read %s: %w", file.Name(), err)
	}
	return time.Unix(stat.Mtim.Unix()), nil
}

// config is the needed part of config.v2.json (moby daemon/container: Container).
type config struct {
	Name   string
	State  struct{ Running, Restarting bool }
	Config struct{ Hostname, Domainname string }

	MountPoints     map[string]json.RawMessage
	NetworkSettings struct {
		// IsAnonymousEndpoint says that the container got its name from dockerd, before 25.0: then its name is not
		// one that Docker's DNS knows.
		IsAnonymousEndpoint bool
		Networks            map[string]*endpoint
	}
}

type endpoint struct {
	Aliases, Links               []string
	IPAddress, GlobalIPv6Address string
	GwPriority                   int
}

// hostConfig is the needed part of hostconfig.json.
type hostConfig struct {
	Runtime     string
	NetworkMode string
	ExtraHosts  []string
	Links       []string
	DNS         []string `json:"Dns"`
}

// shortID is how many digits of an ID are a name on each network.
const shortID = 12

func newContainer(id string, said config, host hostConfig) Container {
	c := Container{
		Container: dockerdns.Container{ID: id, Name: strings.TrimPrefix(said.Name, "/")},
		Hostname:  said.Config.Hostname, Domain: said.Config.Domainname,
		Runtime: host.Runtime, Running: said.State.Running && !said.State.Restarting,
		Shares: strings.HasPrefix(host.NetworkMode, "container:") || host.NetworkMode == "host" || host.NetworkMode == "none",
		Links:  host.Links, DNS: host.DNS,
	}
	for _, extra := range host.ExtraHosts {
		name, _, _ := strings.Cut(extra, ":")
		c.ExtraHosts = append(c.ExtraHosts, name)
	}
	for at := range said.MountPoints {
		switch filepath.Clean(at) {
		case "/etc/hosts":
			c.OwnHosts = true
		case "/etc/resolv.conf":
			c.OwnResolv = true
		}
	}
	for _, network := range slices.Sorted(maps.Keys(said.NetworkSettings.Networks)) {
		if e := said.NetworkSettings.Networks[network]; e != nil {
			c.Endpoints = append(c.Endpoints, e.of(c, network, said.NetworkSettings.IsAnonymousEndpoint))
		}
	}
	return c
}

// of returns an endpoint of a container. dockerd's own list of its names (DNSNames, since 25.0) is made at the end of the
// first start, and is old after a rename.
func (e *endpoint) of(c Container, network string, anonymous bool) dockerdns.Endpoint {
	end := dockerdns.Endpoint{Network: network, Links: e.Links, Priority: e.GwPriority}
	if !anonymous {
		end.Names = append(end.Names, c.Name)
	}
	for _, name := range append(slices.Clone(e.Aliases), c.ID[:shortID], c.Hostname) {
		if name != "" && !slices.Contains(end.Names, name) {
			end.Names = append(end.Names, name)
		}
	}
	if !c.Running {
		return end
	}
	for _, text := range []string{e.IPAddress, e.GlobalIPv6Address} {
		if addr, err := netip.ParseAddr(text); err == nil {
			end.Addrs = append(end.Addrs, addr)
		}
	}
	return end
}
