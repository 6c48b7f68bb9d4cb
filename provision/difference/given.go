package difference

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"runsc-provisioner/verify"
)

// none and whole are what a container was given if that is nothing, and if no single part of it is to blame.
var (
	none  []string
	whole = []string{""}
)

func givenNames(r Runtime, c Container) []string {
	if c.Network == "" || !r.HasOwnNetwork() || r.KeepsNames {
		return none
	}
	if len(c.Peers) == 0 {
		return []string{"network " + c.Network}
	}
	peers := strings.Join(c.Peers[:min(len(c.Peers), maxPeers)], ", ")
	if more := len(c.Peers) - maxPeers; more > 0 {
		peers += " and " + strconv.Itoa(more) + " more"
	}
	return []string{"network " + c.Network + ": " + peers}
}

// maxPeers is how many containers are named that a container does not find.
const maxPeers = 5

func givenHostNetwork(r Runtime, c Container) []string {
	if !slices.Contains(c.HostNamespaces, "network") || r.network() == "host" {
		return none
	}
	return []string{"--network=host"}
}

func givenNoNetwork(r Runtime, c Container) []string {
	if r.network() != "none" || c.NoNetwork || slices.Contains(c.HostNamespaces, "network") || c.joins("network") != "" {
		return none
	}
	return whole
}

func givenJoinedNetwork(r Runtime, c Container) []string {
	other := c.joins("network")
	if other == "" || r.network() == "host" || r.remaps(c) {
		return none
	}
	return []string{"--network=container:" + other}
}

func givenJoinedPID(r Runtime, c Container) []string {
	other := c.joins("pid")
	if other == "" || r.remaps(c) {
		return none
	}
	return []string{"--pid=container:" + other}
}

func givenJoinedRemap(r Runtime, c Container) []string {
	if !r.remaps(c) {
		return none
	}
	var all []string
	for _, kind := range []string{"network", "pid"} {
		if other := c.joins(kind); other != "" {
			all = append(all, "--"+kind+"=container:"+other)
		}
	}
	return all
}

// joins is the other container that c shares a namespace with; "" if there is none.
func (c Container) joins(kind string) string {
	for _, join := range c.Joins {
		if join.Kind == kind {
			return join.Container
		}
	}
	return ""
}

func givenHostNamespace(kind string) func(Runtime, Container) []string {
	return func(_ Runtime, c Container) []string {
		if !slices.Contains(c.HostNamespaces, kind) {
			return none
		}
		return []string{"--" + kind + "=host"}
	}
}

func givenSockets(r Runtime, c Container) []string {
	if uds := r.flag("host-uds", "none"); uds == "open" || uds == "all" || r.is("fsgofer-host-uds") {
		return none
	}
	var all []string
	for _, m := range c.Mounts {
		seen, looked := c.Sockets[m.Source]
		switch {
		case looked:
			all = append(all, seen...)
		case verify.IsSocketPath(m.At()):
			all = append(all, m.Source)
		}
	}
	return all
}

func givenPrivileged(_ Runtime, c Container) []string {
	if !c.Privileged {
		return none
	}
	return []string{"--privileged"}
}

// emulated are devices that gVisor has itself.
var emulated = []string{
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/fuse", "/dev/net/tun",
}

func givenDevices(r Runtime, c Container) []string {
	var all []string
	for _, device := range c.Devices {
		if !slices.Contains(emulated, device.Source) && !r.passes(device) {
			all = append(all, device.Source)
		}
	}
	return all
}

// passes reports whether the runtime passes a device on to the host's driver.
func (r Runtime) passes(d verify.HostDevice) bool {
	switch {
	case strings.HasPrefix(d.Source, "/dev/nvidia"):
		return r.is("nvproxy")
	case strings.HasPrefix(d.Source, "/dev/accel"), strings.HasPrefix(d.Source, "/dev/vfio"):
		return r.is("tpuproxy")
	}
	return false
}

func givenGPUs(r Runtime, c Container) []string {
	var all []string
	for _, request := range c.DeviceRequests {
		other := strings.HasPrefix(request, "--device=") && !strings.Contains(request, "nvidia.com/") // by CDI
		if other || !r.is("nvproxy") {
			all = append(all, request)
		}
	}
	return all
}

func givenSysctls(_ Runtime, c Container) []string {
	if len(c.Sysctls) == 0 {
		return none
	}
	return []string{"--sysctl " + strings.Join(c.Sysctls, " ")}
}

func givenRawSockets(r Runtime, c Container) []string {
	if r.is("net-raw") {
		return none
	}
	var all []string
	for _, name := range c.CapAdd {
		if short := strings.TrimPrefix(strings.ToUpper(name), "CAP_"); short == "NET_RAW" || short == "ALL" {
			all = append(all, "--cap-add="+name)
		}
	}
	return all
}

// givenSeccomp never returns the profile: dockerd has all of its text.
func givenSeccomp(r Runtime, c Container) []string {
	if r.is("oci-seccomp") {
		return none
	}
	for _, option := range c.SecurityOpt {
		profile, is := strings.CutPrefix(strings.Replace(option, ":", "=", 1), "seccomp=")
		if is && profile != "unconfined" && profile != "builtin" {
			return []string{"--security-opt seccomp"}
		}
	}
	return none
}

func givenWrites(r Runtime, c Container) []string {
	if c.Bytes <= 0 || !r.LosesWrites() {
		return none
	}
	return []string{humanize.IBytes(uint64(c.Bytes)) + " written"}
}

func givenTmp(_ Runtime, c Container) []string {
	if !c.HiddenTmp {
		return none
	}
	return whole
}

func givenUpdate(r Runtime, _ Container) []string {
	if !r.is("ignore-cgroups") {
		return none
	}
	return whole
}
