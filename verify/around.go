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

// adminCaps are capabilities that amount to being root on the host.
var adminCaps = []string{"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_PTRACE", "SYS_BOOT", "DAC_READ_SEARCH", "NET_ADMIN", "BPF", "PERFMON", "SYSLOG", "MAC_ADMIN", "MAC_OVERRIDE", "SYS_TIME", "CHECKPOINT_RESTORE"}

// ways collects each Way once, in the order in which it is found.
type ways struct {
	list []Way
	in   Inside
	more []HostPath // sensitive paths of this host
}

func (w *ways) add(grave bool, gives, what string, args ...any) {
	way := Way{What: fmt.Sprintf(what, args...), Gives: gives, Grave: grave}
	if !slices.Contains(w.list, way) {
		w.list = append(w.list, way)
	}
}

// addOutside is add if the container is outside a sandbox. Inside, the way gives what inside says, and is not grave.
func (w *ways) addOutside(grave bool, gives, inside, what string, args ...any) {
	if w.in.Sandbox {
		grave, gives = false, inside
	}
	w.add(grave, gives, what, args...)
}

// WaysAround lists what a container was given that leads around a sandbox, in a
// stable order, and what holds of it inside in. more are sensitive paths of this
// host, in addition to those of any host. It is pure, and relies on what dockerd
// says.
func WaysAround(c Container, in Inside, more []HostPath) []Way {
	w := ways{in: in, more: more}
	if c.Privileged {
		w.devices(true, "every capability and the host's devices", "every capability, but only inside the sandbox, and the devices that gVisor emulates", "--privileged")
	}
	if c.UsernsMode == "host" {
		w.add(true, "the host's ids: root inside is root on the host, which userns-remap would prevent", "--userns=host")
	}
	w.namespaces(c)
	for _, name := range c.CapAdd {
		name = strings.TrimPrefix(strings.ToUpper(name), "CAP_")
		capability := "the capability CAP_" + Printable(name)
		w.addOutside(slices.Contains(adminCaps, name), capability, capability+", but only inside the sandbox", "--cap-add=%s", Printable(name))
	}
	w.filters(c)
	for _, device := range c.Devices {
		grave := !slices.Contains(quietPaths, path.Clean(device.Source))
		if device.hasProxy() {
			w.add(grave, "a device of the host", "--device=%s", Printable(device.Source))
			continue
		}
		w.devices(grave, "a device of the host", "no device of the host, at most one that gVisor emulates", "--device=%s", Printable(device.Source))
	}
	for _, rule := range c.DeviceRules {
		w.devices(true, "devices of the host, through a device node that it makes itself", "nothing: behind a device node is only what gVisor emulates", "--device-cgroup-rule=%s", Printable(rule))
	}
	for _, request := range c.DeviceRequests {
		w.add(true, "devices of the host, and whatever their driver adds", "%s", Printable(request))
	}
	for _, mount := range c.Mounts {
		gives, grave := w.mountGives(mount)
		if !mount.Writable {
			gives += ", read-only"
		}
		w.add(grave, gives, "-v %s:%s%s", Printable(mount.Source), Printable(mount.Destination), readOnly(mount.Writable))
	}
	for _, volume := range c.Volumes {
		w.volume(volume)
	}
	return w.list
}

// devices is addOutside, unless the sandbox lets the host's devices through.
func (w *ways) devices(grave bool, gives, inside, what string, args ...any) {
	if w.in.HostDevices {
		w.add(grave, gives, what, args...)
		return
	}
	w.addOutside(grave, gives, inside, what, args...)
}

func (w *ways) namespaces(c Container) {
	for _, kind := range []string{"network", "pid", "ipc", "uts", "cgroupns"} {
		gives, grave := w.in.namespaceGives(kind)
		if slices.Contains(c.HostNamespaces, kind) {
			w.add(grave, gives, "--%s=host", kind)
		}
		for _, join := range c.Joins {
			switch {
			case join.Kind != kind:
			case join.Leads == ToHost:
				w.add(grave, gives, "--%s=container:%s", kind, Printable(join.Container))
			case join.Leads == ToNothing && w.in.Sandbox:
				w.add(grave, gives, "--%s=container:%s", kind, Printable(join.Container))
			case join.Leads == ToNothing:
				w.add(grave, "the namespace of a container that is gone or unreadable: it may be the host's", "--%s=container:%s", kind, Printable(join.Container))
			}
		}
	}
}

// mountGives judges both the path that was mounted and the one that its symlinks
// lead to.
func (w *ways) mountGives(m HostMount) (gives string, grave bool) {
	gives, grave = w.in.pathGives(m.Source, m.Writable, w.more)
	if m.Resolved == "" || m.Resolved == m.Source || grave && !w.in.Sandbox {
		return gives, grave
	}
	if to, bad := w.in.pathGives(m.Resolved, m.Writable, w.more); bad {
		return to + ", as " + Printable(m.Resolved), true
	}
	return gives, grave
}

func readOnly(writable bool) string {
	if writable {
		return ""
	}
	return ":ro"
}
