package daemonjson

import (
	"strings"

	"runsc-provisioner/pattern"
)

// A rule says which strings and numbers of an option are shown. true, false and
// null always are.
type rule uint8

const (
	ruleHide     rule = iota // none
	ruleShow                 // those that do not look like a secret
	ruleHosts                // those that are only a host or a network
	ruleDriver               // those that choose a cgroup driver
	ruleRuntimes             // each runtime's path, type and arguments

	ruleLogOpts   // by the name of the member
	ruleNetworks  // a ruleNetwork for each driver
	ruleNetwork   // by the name of the member
	ruleStorage   // those of Docker's own drivers
	ruleSetting   // sizes, counts, durations and switches
	ruleNames     // names of labels and variables
	ruleTemplate  // those that have only parts of a container's description
	ruleCollector // those that are only a host or a socket
)

// ruleOf returns the rule of a top-level key. An unlisted key may belong to a
// plugin or a later dockerd, and its value may be a secret. Keys with free
// text, or with more of an address than a host, are not listed either:
// proxies, labels, authorization-plugins, cluster-store (names: moby
// daemon/config and cmd/dockerd/config.go, 20.10 to v2).
func ruleOf(key string) rule {
	switch key {
	case keyRuntimes:
		return ruleRuntimes
	case "exec-opts":
		return ruleDriver
	case "registry-mirrors", "insecure-registries", "allow-nondistributable-artifacts", "cluster-advertise", "api-cors-header":
		return ruleHosts
	case "log-opts":
		return ruleLogOpts
	case "storage-opts":
		return ruleStorage
	case "default-network-opts":
		return ruleNetworks
	case keyDefaultRuntime, keyUsernsRemap,
		"debug", "experimental", "features", "builder", "group", "hosts", "log-level", "log-format", "log-driver", "raw-logs",
		"data-root", "graph", "exec-root", "pidfile", "containerd", "containerd-namespace", "containerd-plugin-namespace", "storage-driver", "init", "init-path",
		"cdi-spec-dirs", "nri-opts", "node-generic-resources", "resolv-conf", "deprecated-key-path", "apparmor-profile", "default-stop-timeout",
		"swarm-default-advertise-addr", "swarm-raft-election-tick", "swarm-raft-heartbeat-tick", "network-diagnostic-port", "cpu-rt-period", "cpu-rt-runtime",
		"live-restore", "shutdown-timeout", "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts", "min-api-version",
		"cgroup-parent", "default-cgroupns-mode", "default-ipc-mode", "default-shm-size", "default-ulimits", "oom-score-adjust",
		"no-new-privileges", "seccomp-profile", "selinux-enabled",
		"bip", "bip6", "bridge", "fixed-cidr", "fixed-cidr-v6", "default-address-pools", "default-gateway", "default-gateway-v6",
		"dns", "dns-opts", "dns-search", "host-gateway-ip", "host-gateway-ips", "icc", "ip", "ip-forward", "ip-masq", "ip6tables", "iptables",
		"ipv6", "firewall-backend", "mtu", "metrics-addr", "network-control-plane-mtu", "userland-proxy", "userland-proxy-path",
		"tls", "tlsverify", "tlscacert", "tlscert", "tlskey": // the last three are paths
		return ruleShow
	}
	return ruleHide
}

var (
	// A host with a scheme and a port at most, or a network. No path: mirrors take a token there.
	plainHost = pattern.Lazy(`^(https?://)?[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$|^[0-9a-fA-F.:]+/[0-9]{1,3}$`)
	// Such a run of letters and digits is a key, a digest or an identifier, not
	// a word.
	longRun = pattern.Lazy(`[A-Za-z0-9+=]{16,}`)
)

func (r rule) shows(s string) bool {
	switch r {
	case ruleShow:
		return !isSecretText(s)
	case ruleHosts:
		return plainHost().MatchString(s) && !isSecretText(s)
	case ruleStorage:
		return plainStorage().MatchString(s) && !isSecretText(s)
	case ruleSetting:
		return plainSetting().MatchString(s)
	case ruleNames:
		return plainNames().MatchString(s) && !isSecretText(s)
	case ruleTemplate:
		return plainTemplate().MatchString(s)
	case ruleCollector:
		return plainCollector().MatchString(s) && !isSecretText(s)
	case ruleDriver:
		return s == "native.cgroupdriver=systemd" || s == "native.cgroupdriver=cgroupfs"
	}
	return false
}

// isSecretText recognises user information and queries in an address, a setting
// such as --token=x, the value of an HTTP Authorization header, and text that
// looks like a key.
func isSecretText(s string) bool {
	lower := strings.ToLower(s)
	if strings.ContainsAny(s, "@?") || strings.Contains(lower, "bearer ") || strings.Contains(lower, "basic ") {
		return true
	}
	if name, _, ok := strings.Cut(s, "="); ok && SecretName(name) {
		return true
	}
	for _, run := range longRun().FindAllString(s, -1) {
		if strings.ContainsFunc(run, func(r rune) bool { return '0' <= r && r <= '9' }) && strings.ContainsFunc(run, func(r rune) bool { return r > '9' }) {
			return true
		}
	}
	return false
}

// SecretName reports whether a setting with this name may hold a secret, in any
// case and with digits or other characters between its words. It errs on the
// side of true.
func SecretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"token", "secret", "passw", "passphrase", "passcode", "pwd", "cred", "auth", "key", "cookie", "session", "signature", "env"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	// These are also parts of other words: compassion, design, spinning.
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }) {
		if strings.HasSuffix(part, "pass") || part == "pw" || part == "sig" || part == "pin" {
			return true
		}
	}
	return false
}

// Shows reports whether Diff shows a string as the value of one of dockerd's
// options. The option may also have the name of its flag, which is mostly the
// singular: --host for hosts (moby cmd/dockerd/config.go).
func Shows(option, value string) bool {
	if value == "true" || value == "false" {
		return true
	}
	switch option {
	case "config-file", "add-runtime": // paths
		return ruleShow.shows(value)
	}
	for _, key := range []string{option, option + "s", strings.TrimSuffix(option, "y") + "ies"} {
		if r := ruleOf(key); r.shows(value) || r.showsPair(value) {
			return true
		}
	}
	return false
}
