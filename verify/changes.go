package verify

import (
	"path"
	"slices"
	"strings"
)

// Changes lists what a container that was created again with a runtime of gVisor's would lack, in a stable
// order. args are that runtime's arguments. The strings complete "it then has", and are safe to show. It is
// pure, and knows only what the container was given, not what its programs do.
//
// What gVisor lacks was seen on release 20260914.0 with Docker 20.10 and 26.1.
func Changes(c Container, args []string) []string {
	var in Inside
	in.read(settings(args))
	in.Sandbox = true
	var all []string
	add := func(text string) {
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if slices.Contains(c.HostNamespaces, "network") && !in.HostNetwork {
		add("no network (--network=host)")
	}
	if c.Network != "" {
		add("no names of other containers (on network " + Printable(c.Network) + ")")
	}
	for _, kind := range []string{"pid", "ipc"} {
		if slices.Contains(c.HostNamespaces, kind) {
			add(map[string]string{"pid": "no processes of the host (--pid=host)", "ipc": "no semaphores and shared segments of the host (--ipc=host)"}[kind])
		}
	}
	for _, join := range c.Joins {
		switch join.Kind {
		case "network":
			add("a loopback of its own (--network=container:" + Printable(join.Container) + ")")
		case "pid":
			add("no processes of container " + Printable(join.Container) + " (--pid)")
		}
	}
	for _, m := range c.Mounts {
		if at := m.at(); !in.HostSockets && isSocket(at, nil) || strings.HasSuffix(at, ".sock") && !in.HostSockets {
			add("no connection to " + Printable(m.Source))
		}
	}
	if c.Privileged {
		add("no devices of the host (--privileged)")
	}
	for _, device := range c.Devices {
		if !slices.Contains(emulated, device.Source) && !hasFlag(args, device.proxyFlag()) {
			add("no device " + Printable(device.Source))
		}
	}
	if len(c.DeviceRequests) > 0 && !hasFlag(args, "nvproxy") {
		add("no devices of " + Printable(strings.Join(c.DeviceRequests, " ")))
	}
	if len(c.Sysctls) > 0 {
		add("no effect of --sysctl")
	}
	return all
}

// emulated are devices that gVisor has itself.
var emulated = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/fuse", "/dev/net/tun"}

// at is the path that was really mounted.
func (m HostMount) at() string {
	if m.Resolved != "" {
		return m.Resolved
	}
	return path.Clean(m.Source)
}

// proxyFlag is the flag of runsc that passes the device on to the host's driver; "" if there is none.
func (d HostDevice) proxyFlag() string {
	switch {
	case strings.HasPrefix(d.Source, "/dev/nvidia"):
		return "nvproxy"
	case strings.HasPrefix(d.Source, "/dev/accel"), strings.HasPrefix(d.Source, "/dev/vfio"):
		return "tpuproxy"
	}
	return ""
}

// hasFlag reports whether a boolean flag is on.
func hasFlag(args []string, name string) bool {
	return name != "" && slices.ContainsFunc(settings(args), func(s setting) bool { return s.name == name && isOn(s.value) })
}
