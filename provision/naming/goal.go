package naming

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/names"
)

// resolved is where systemd-resolved names the servers that it asks (systemd-resolved.service(8)).
const resolved = "/run/systemd/resolve/resolv.conf"

// Goal is what a configuration asks of the names on a host. o.Engine must not be nil.
func Goal(h *host.Host, c config.Config, o host.Observed) names.Goal {
	flags := o.Flags
	return names.Goal{
		Mode: names.Mode(c.Docker.Names), DataRoot: o.Engine.RootDir, Owner: dataroot.RemappedUID(*o.Engine),
		Runtimes: withOwnNetwork(c, o), DNS: dnsOf(o), Etc: h.Paths.Etc, Resolved: resolved,
		Dial: func() (names.Docker, error) { return h.Dial(flags) },
	}
}

// withOwnNetwork are the runtimes of ours with a network stack of gVisor's. Docker's DNS answers in the others.
func withOwnNetwork(c config.Config, o host.Observed) []string {
	return slices.DeleteFunc(c.RuntimeNames(), func(name string) bool {
		return !difference.Runtime{Args: o.Engine.Runtimes[name].Args}.HasOwnNetwork()
	})
}

// dnsOf are the name servers that dockerd was given.
func dnsOf(o host.Observed) (servers []netip.Addr) {
	var texts []string
	if raw, set := o.File.Doc.Raw("dns"); set {
		_ = json.Unmarshal([]byte(raw), &texts) // dockerd does not start with anything else
	}
	if flag, set := o.Flags.Set["dns"]; set {
		texts = append(texts, strings.Split(flag, ",")...)
	}
	for _, text := range texts {
		if addr, err := netip.ParseAddr(strings.TrimSpace(text)); err == nil {
			servers = append(servers, addr)
		}
	}
	return servers
}
