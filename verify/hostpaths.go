package verify

import (
	"path"
	"slices"
	"strings"
)

// A HostPath is a path on the host that gives more than the bytes of its files.
type HostPath struct {
	// Each part of Path may be a pattern of path.Match.
	Path  string
	Gives string // what access to it gives
	// Secret is true if reading is enough, or if it has sockets or devices,
	// which also work on a read-only mount.
	Secret bool
	// Whole excludes what is below it: that gives no more than its bytes.
	Whole bool
	// Socket is true if access is of use only to connect to a socket.
	Socket bool
}

const apiGives = "dockerd's API: it starts any container, also one that is root on the host"

// hostPaths are those that any host may have, the narrower ones first.
var hostPaths = []HostPath{
	{"/run/docker.sock", apiGives, true, false, true},
	{"/var/run/docker.sock", apiGives, true, false, true},
	{"/run/containerd", "containerd's API: it starts any process as root on the host", true, false, false},
	{"/run/dbus", "the system bus: systemd starts any service for root", true, false, true},
	{"/run/systemd", "systemd's private socket", true, false, false},
	{"/run", "the sockets of the host's services", true, false, false},
	{"/var/run", "the sockets of the host's services", true, false, false},
	{"/var/lib/docker", "every container's files", true, false, false},
	{"/var/lib/containerd", "every container's files", true, false, false},
	{"/var/snap/docker", "every container's files", true, false, false},
	{"/var/lib/kubelet", "the secrets of the host's pods, and credentials for Kubernetes", true, false, false},
	{"/var/lib/containers", "every container's files", true, false, false},
	{"/var/lib/rancher", "the keys to Kubernetes", true, false, false},
	{"/var/lib/etcd", "everything that Kubernetes stores", true, false, false},
	{"/var/lib/libvirt", "the disks of the host's virtual machines", true, false, false},
	{"/var/lib/lxc", "every container's files", true, false, false},
	{"/var/lib/snapd", "the host's programs", false, false, false},
	{"/var/lib/dpkg", "scripts that the host runs as root", false, false, false},
	{"/var/lib/cloud", "scripts that the host runs as root", false, false, false},
	{"/etc/shadow*", "the host's passwords", true, false, false},
	{"/etc/gshadow*", "the host's passwords", true, false, false},
	{"/etc/ssh", "the keys that identify the host", true, false, false},
	{"/etc/ssl/private", "the host's private keys", true, false, false},
	{"/etc/letsencrypt", "the host's private keys", true, false, false},
	{"/etc/wireguard", "the host's private keys", true, false, false},
	{"/etc/NetworkManager/system-connections", "the passwords of networks", true, false, false},
	{"/etc/krb5.keytab", "the keys that identify the host", true, false, false},
	{"/etc/rancher", "the keys to Kubernetes", true, false, false},
	{"/etc/docker", "dockerd's configuration and keys", true, false, false},
	{"/etc/kubernetes", "the keys to Kubernetes", true, false, false},
	{"/etc", "the host's configuration", false, false, false},
	{"/root", "the files of the host's root", true, false, false},
	{"/home/*/.*", "programs that a user of the host runs at login, and keys", true, false, false},
	{"/home/*", "all files of a user of the host, including keys", true, true, false},
	{"/boot", "the host's kernel", false, false, false},
	{"/dev", "the host's devices", true, false, false},
	{"/proc", "the host's processes and kernel settings", true, false, false},
	{"/sys", "the host's kernel settings", true, false, false},
	{"/usr", "the host's programs, including gVisor", false, false, false},
	{"/bin", "the host's programs", false, false, false},
	{"/sbin", "the host's programs", false, false, false},
	{"/lib", "the host's libraries", false, false, false},
	{"/lib64", "the host's libraries", false, false, false},
	{"/opt", "the host's programs", false, true, false},
	{"/snap", "the host's programs", false, true, false},
	{"/lib32", "the host's libraries", false, false, false},
	{"/var/spool/at", "commands that the host runs as root", false, false, false},
	{"/var/spool/cron", "commands that the host runs as root", false, false, false},
}

// quietPaths are harmless although they are below a path of hostPaths.
// readPaths are harmless to read: certificates that the host trusts, and names
// of hosts.
var (
	quietPaths = []string{"/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/log", "/dev/shm"}
	readPaths  = []string{"/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/etc/ssl/certs", "/run/systemd/resolve"}
)

// accessGives says what access to a path of the host gives: the worst that any path
// equal to it, above it or below it gives. more are paths of this host, in
// addition to hostPaths.
func accessGives(source string, writable bool, more []HostPath) (gives string, grave bool) {
	source = path.Clean(source)
	if source == "/" {
		return "all of the host's files, including dockerd's socket", true
	}
	if strings.HasSuffix(source, "/docker.sock") {
		return apiGives, true
	}
	quiet := func(q string) bool { return isBelow(source, q) }
	if slices.ContainsFunc(quietPaths, quiet) || !writable && slices.ContainsFunc(readPaths, quiet) {
		return "a file of the host", false
	}
	gives = "files of the host"
	for _, one := range slices.Concat(more, hostPaths) {
		inside := matchesBelow(one.Path, source) && (!one.Whole || strings.Count(source, "/") == strings.Count(one.Path, "/"))
		switch {
		case !inside && !matchesBelow(source, one.Path):
		case writable || one.Secret:
			return one.Gives, true
		case gives == "files of the host":
			gives = one.Gives
		}
	}
	return gives, false
}

// isBelow reports whether p is dir or in it.
func isBelow(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// matchesBelow reports whether p is dir or in it. The parts of either may be patterns.
func matchesBelow(dir, p string) bool {
	parts, all := strings.Split(dir, "/"), strings.Split(p, "/")
	if len(parts) > len(all) {
		return false
	}
	for i, part := range parts {
		one, _ := path.Match(part, all[i])
		other, _ := path.Match(all[i], part)
		if part != all[i] && !one && !other {
			return false
		}
	}
	return true
}
