package verify

import (
	"path"
	"slices"
	"strings"
)

// Inside says what a container's sandbox lets through of what the container was given. The zero Inside is
// outside any sandbox: everything holds as it does with runc.
//
// What gVisor keeps back was seen on release 20260914.0 with Docker 26.1: no interface with --network=host,
// only its own processes with --pid=host, the host's /dev/shm with --ipc=host, emulated devices only with
// --privileged, --device and -v /dev, ENXIO behind a node made with mknod, and a refused connection to a
// mounted socket.
type Inside struct {
	Sandbox     bool
	HostNetwork bool // runsc's --network=host
	HostSockets bool // connections to mounted sockets, by --host-uds or --fsgofer-host-uds
	HostDevices bool // the host's character devices, by --character-device-policy
}

// InsideOf says what holds inside the sandbox of a container with this verdict. It reads the arguments of
// the sandbox and its gofers, which were set when it started. If they are unknown, or it is not certain that
// it is a sandbox, the container counts as outside. It is pure.
func InsideOf(v Verdict, e Evidence) Inside {
	if v.State != Sandboxed || e.Process.ArgvCut {
		return Inside{}
	}
	in := Inside{Sandbox: true}
	in.read(settings(untilCommand(e.Process.Argv[1:])))
	for _, gofer := range e.Gofers {
		if gofer.Process.ArgvCut {
			return Inside{}
		}
		if len(gofer.Process.Argv) > 1 {
			in.read(settings(untilCommand(gofer.Process.Argv[1:])))
		}
	}
	return in
}

func (in *Inside) read(flags []setting) {
	for _, flag := range flags {
		if _, weakens := flag.weakens(); !weakens {
			continue
		}
		switch flag.name {
		case "network":
			in.HostNetwork = true
		case "host-uds", "fsgofer-host-uds":
			in.HostSockets = true
		case "character-device-policy":
			in.HostDevices = true
		}
	}
}

// namespaceGives says what sharing a namespace with the host gives.
func (in Inside) namespaceGives(kind string) (gives string, grave bool) {
	if in.Sandbox && !(kind == "network" && in.HostNetwork) {
		switch kind {
		case "network":
			return "no network: gVisor does not use the host's", false
		case "pid":
			return "nothing: it sees only the processes of its sandbox", false
		case "ipc":
			return "the files in the host's /dev/shm, which programs share memory by", true
		default:
			return "nothing: the sandbox has its own", false
		}
	}
	gives = map[string]string{
		"network":  "the host's network: its addresses, loopback services and abstract sockets",
		"pid":      "the host's processes, which it can see and signal",
		"ipc":      "the host's shared memory and semaphores",
		"uts":      "the host's name",
		"cgroupns": "a view of the host's cgroup tree",
	}[kind]
	return gives, kind != "uts" && kind != "cgroupns"
}

// pathGives is accessGives, and what a sandbox keeps back of it.
func (in Inside) pathGives(source string, writable bool, more []HostPath) (gives string, grave bool) {
	gives, grave = accessGives(source, writable, more)
	if !in.Sandbox || !grave {
		return gives, grave
	}
	source = path.Clean(source)
	switch {
	case !in.HostSockets && isSocket(source, more):
		return "a socket of the host, and gVisor refuses to connect to it", false
	case !in.HostDevices && source == "/dev":
		return "the files in the host's /dev/shm, and of its devices at most those that gVisor emulates", true
	case !in.HostDevices && isBelow(source, "/dev"):
		return "at most the devices that gVisor emulates", false
	case !in.HostSockets && hasSockets(source):
		return gives + " (its files: gVisor refuses to connect to sockets)", true
	}
	return gives, grave
}

// isSocket reports whether a path is of use only to connect to a socket.
func isSocket(source string, more []HostPath) bool {
	return strings.HasSuffix(source, "/docker.sock") || slices.ContainsFunc(slices.Concat(more, hostPaths), func(one HostPath) bool {
		return one.Socket && matchesBelow(one.Path, source)
	})
}

// IsSocketPath reports whether a path is, by its name, of use only to connect to a socket.
func IsSocketPath(source string) bool {
	return isSocket(source, nil) || strings.HasSuffix(source, ".sock")
}

// hasSockets reports whether there are sockets of the host's services below a path.
func hasSockets(source string) bool {
	return slices.ContainsFunc([]string{"/run", "/var/run"}, func(dir string) bool {
		return source == "/" || isBelow(source, dir) || isBelow(dir, source)
	})
}

// hasProxy reports whether gVisor passes the device on to the host's driver.
func (d HostDevice) hasProxy() bool {
	return slices.ContainsFunc(proxies, func(p struct{ annotation, device, gives string }) bool {
		return strings.HasPrefix(d.Destination, p.device) || strings.HasPrefix(d.Source, p.device)
	})
}
