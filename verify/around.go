package verify

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A Way is something that a container was given on request and that leads
// around its sandbox, or is all that is left of the host's protection without
// one. Its strings are safe to show.
type Way struct {
	What  string // "--privileged", "-v /run/docker.sock:/run/docker.sock"
	Gives string // what whoever runs in the container gets by it
	// Grave is false of what is only worth knowing, such as a directory of
	// the host's that holds nothing of its own.
	Grave bool
}

// hostPaths are the parts of a host that are worth more than their bytes, the
// narrower ones first. What is mounted counts as the first that it is, that it
// is below of, or that is below it.
var hostPaths = []struct{ path, gives string }{
	{"/run/docker.sock", "dockerd's API: it starts any container, also one that is root on the host"},
	{"/var/run/docker.sock", "dockerd's API: it starts any container, also one that is root on the host"},
	{"/run/containerd", "containerd's API: it starts any process as root on the host"},
	{"/run/dbus", "the system bus: systemd starts any service for root"},
	{"/run/systemd", "systemd's private socket"},
	{"/run", "the sockets of the host's services"},
	{"/var/run", "the sockets of the host's services"},
	{"/var/lib/docker", "every container's files"},
	{"/var/lib/containerd", "every container's files"},
	{"/etc", "the host's configuration"},
	{"/root", "the files of the host's root"},
	{"/boot", "the host's kernel"},
	{"/dev", "the host's devices"},
	{"/proc", "the host's processes and kernel settings"},
	{"/sys", "the host's kernel settings"},
	{"/usr", "the host's programs, gVisor's among them"},
	{"/bin", "the host's programs"},
	{"/sbin", "the host's programs"},
	{"/lib", "the host's libraries"},
	{"/lib64", "the host's libraries"},
	{"/var/spool/cron", "commands that the host runs as root"},
}

// wholly are those of hostPaths below which it is enough to read, or where
// being read-only does not keep a socket or a device from being used.
var wholly = []string{"/run/docker.sock", "/var/run/docker.sock", "/run/containerd", "/run/dbus", "/run/systemd", "/run", "/var/run",
	"/var/lib/docker", "/var/lib/containerd", "/root", "/dev", "/proc", "/sys"}

// quietPaths are below a path of hostPaths and harmless.
var quietPaths = []string{"/etc/localtime", "/etc/timezone", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/etc/ssl/certs", "/usr/share/zoneinfo", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}

// namespaceGives says what sharing a namespace with the host gives.
var namespaceGives = map[string]string{
	"network":  "the host's network: its addresses, loopback services and abstract sockets",
	"pid":      "the host's processes, to see and to signal",
	"ipc":      "the host's shared memory and semaphores",
	"uts":      "the host's name",
	"cgroupns": "the host's cgroup tree, to see",
}

// adminCaps are capabilities that amount to being root on the host.
var adminCaps = []string{"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_PTRACE", "SYS_BOOT", "DAC_READ_SEARCH", "NET_ADMIN", "BPF", "PERFMON", "SYSLOG", "MAC_ADMIN"}

// WaysAround lists what a container was given that leads around a sandbox, in
// a stable order. It is pure, and goes by what dockerd says.
func WaysAround(c Container) []Way {
	var ways []Way
	add := func(grave bool, gives, what string, args ...any) {
		ways = append(ways, Way{What: fmt.Sprintf(what, args...), Gives: gives, Grave: grave})
	}
	if c.Privileged {
		add(true, "every capability and the host's devices", "--privileged")
	}
	if c.UsernsMode == "host" {
		add(true, "the ids of the host: root inside is root on the host where userns-remap would prevent it", "--userns=host")
	}
	for _, kind := range []string{"network", "pid", "ipc", "uts", "cgroupns"} {
		if slices.Contains(c.HostNamespaces, kind) {
			add(kind != "uts" && kind != "cgroupns", namespaceGives[kind], "--%s=host", kind)
		}
	}
	for _, name := range c.CapAdd {
		name = strings.TrimPrefix(strings.ToUpper(name), "CAP_")
		add(slices.Contains(adminCaps, name), "the capability CAP_"+Printable(name), "--cap-add=%s", Printable(name))
	}
	for _, option := range c.SecurityOpt {
		key, value, _ := strings.Cut(strings.Replace(option, ":", "=", 1), "=")
		if c.Privileged && key == "label" {
			continue // dockerd adds it by itself
		}
		if key == "systempaths" || value == "unconfined" || value == "disable" {
			add(true, "what "+Printable(key)+" keeps from others", "--security-opt %s", Printable(option))
		}
	}
	for _, device := range c.Devices {
		add(!slices.Contains(quietPaths, path.Clean(device.Source)), "a device of the host", "--device=%s", Printable(device.Source))
	}
	for _, mount := range c.Mounts {
		gives, grave := worth(mount.Source, mount.Writable)
		suffix := ""
		if !mount.Writable {
			suffix = ":ro"
			gives += ", to read"
		}
		add(grave, gives, "-v %s:%s%s", Printable(mount.Source), Printable(mount.Destination), suffix)
	}
	return ways
}

// worth says what a path of the host gives.
func worth(source string, writable bool) (gives string, grave bool) {
	source = path.Clean(source)
	if source == "/" {
		return "all of the host's files, dockerd's socket among them", true
	}
	if strings.HasSuffix(source, "/docker.sock") {
		return hostPaths[0].gives, true
	}
	for _, quiet := range quietPaths {
		if below(source, quiet) {
			return "a file of the host", false
		}
	}
	for _, one := range hostPaths {
		switch {
		case below(one.path, source):
			return one.gives, true
		case below(source, one.path):
			return one.gives, writable || slices.Contains(wholly, one.path)
		}
	}
	return "files of the host", false
}

// below reports whether p is dir or in it.
func below(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
