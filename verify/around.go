package verify

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A Way is something that a container got on request and that leads around its
// sandbox, or around the host's other protection if it has no sandbox. Its
// strings are safe to show.
type Way struct {
	What  string // "--privileged", "-v /run/docker.sock:/run/docker.sock"
	Gives string // what a program in the container gets by it
	// Grave is false for a Way that is only worth knowing, such as a directory
	// of the host with nothing sensitive in it.
	Grave bool
}

// namespaceGives says what sharing a namespace with the host gives.
var namespaceGives = map[string]string{
	"network":  "the host's network: its addresses, loopback services and abstract sockets",
	"pid":      "the host's processes, which it can see and signal",
	"ipc":      "the host's shared memory and semaphores",
	"uts":      "the host's name",
	"cgroupns": "a view of the host's cgroup tree",
}

// adminCaps are capabilities that amount to being root on the host.
var adminCaps = []string{"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_PTRACE", "SYS_BOOT", "DAC_READ_SEARCH", "NET_ADMIN", "BPF", "PERFMON", "SYSLOG", "MAC_ADMIN", "MAC_OVERRIDE", "SYS_TIME", "CHECKPOINT_RESTORE"}

// ways collects each Way in the order in which it is found.
type ways []Way

func (w *ways) add(grave bool, gives, what string, args ...any) {
	*w = append(*w, Way{What: fmt.Sprintf(what, args...), Gives: gives, Grave: grave})
}

// WaysAround lists what a container was given that leads around a sandbox, in a
// stable order. more are sensitive paths of this host, in addition to those of
// any host. It is pure, and relies on what dockerd says.
func WaysAround(c Container, more []HostPath) []Way {
	var w ways
	if c.Privileged {
		w.add(true, "every capability and the host's devices", "--privileged")
	}
	if c.UsernsMode == "host" {
		w.add(true, "the host's ids: root inside is root on the host, which userns-remap would prevent", "--userns=host")
	}
	w.namespaces(c)
	for _, name := range c.CapAdd {
		name = strings.TrimPrefix(strings.ToUpper(name), "CAP_")
		w.add(slices.Contains(adminCaps, name), "the capability CAP_"+Printable(name), "--cap-add=%s", Printable(name))
	}
	w.filters(c)
	for _, device := range c.Devices {
		w.add(!slices.Contains(quietPaths, path.Clean(device.Source)), "a device of the host", "--device=%s", Printable(device.Source))
	}
	for _, rule := range c.DeviceRules {
		w.add(true, "devices of the host, through a device node that it makes itself", "--device-cgroup-rule=%s", Printable(rule))
	}
	for _, request := range c.DeviceRequests {
		w.add(true, "devices of the host, and whatever their driver adds", "%s", Printable(request))
	}
	for _, mount := range c.Mounts {
		gives, grave := mount.accessGives(more)
		if !mount.Writable {
			gives += ", read-only"
		}
		w.add(grave, gives, "-v %s:%s%s", Printable(mount.Source), Printable(mount.Destination), readOnly(mount.Writable))
	}
	for _, volume := range c.Volumes {
		w.volume(volume, more)
	}
	return w
}

func (w *ways) namespaces(c Container) {
	for _, kind := range []string{"network", "pid", "ipc", "uts", "cgroupns"} {
		grave := kind != "uts" && kind != "cgroupns"
		if slices.Contains(c.HostNamespaces, kind) {
			w.add(grave, namespaceGives[kind], "--%s=host", kind)
		}
		for _, join := range c.Joins {
			switch {
			case join.Kind != kind:
			case join.Leads == ToHost:
				w.add(grave, namespaceGives[kind], "--%s=container:%s", kind, Printable(join.Container))
			case join.Leads == ToNothing:
				w.add(grave, "the namespace of a container that is gone or unreadable: it may be the host's", "--%s=container:%s", kind, Printable(join.Container))
			}
		}
	}
}

// accessGives judges both the path that was mounted and the one that its symlinks
// lead to.
func (m HostMount) accessGives(more []HostPath) (gives string, grave bool) {
	gives, grave = accessGives(m.Source, m.Writable, more)
	if grave || m.Resolved == "" || m.Resolved == m.Source {
		return gives, grave
	}
	if to, bad := accessGives(m.Resolved, m.Writable, more); bad {
		return to + ", as " + Printable(m.Resolved), true
	}
	return gives, false
}

func readOnly(writable bool) string {
	if writable {
		return ""
	}
	return ":ro"
}
