package daemonjson

import (
	"regexp"
	"strings"
)

// rule says which strings and numbers of one of dockerd's options are shown. true, false and null always are.
type rule uint8

const (
	ruleHide     rule = iota // none
	ruleShow                 // those that do not look like a secret
	ruleHosts                // those that name a host or a network and say nothing else
	ruleDriver               // those that choose a cgroup driver
	ruleRuntimes             // of each runtime its path, its type and its arguments
)

// ruleOf returns the rule of a top-level key. What stands under a key that is not listed here may be anything:
// a plugin's, a later dockerd's, a secret. Neither are those listed whose values are free text or an address
// beyond a host: log-opts, proxies, labels, storage-opts (names: moby daemon/config and cmd/dockerd/config.go).
func ruleOf(key string) rule {
	switch key {
	case keyRuntimes:
		return ruleRuntimes
	case "exec-opts":
		return ruleDriver
	case "registry-mirrors", "insecure-registries":
		return ruleHosts
	case keyDefaultRuntime, keyUsernsRemap,
		"debug", "experimental", "features", "builder", "group", "hosts", "log-level", "log-format", "log-driver", "raw-logs",
		"data-root", "exec-root", "pidfile", "containerd", "containerd-namespace", "storage-driver", "init", "init-path",
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
	plainHost = regexp.MustCompile(`^(https?://)?[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$|^[0-9a-fA-F.:]+/[0-9]{1,3}$`)
	// Such a run of letters and digits is a key, a digest or an identifier, and no word.
	longRun = regexp.MustCompile(`[A-Za-z0-9+=]{16,}`)
)

func (r rule) shows(s string) bool {
	switch r {
	case ruleShow:
		return !isSecretText(s)
	case ruleHosts:
		return plainHost.MatchString(s) && !isSecretText(s)
	case ruleDriver:
		return s == "native.cgroupdriver=systemd" || s == "native.cgroupdriver=cgroupfs"
	}
	return false
}

// isSecretText knows user information and queries in an address, a setting such as --token=x, what an HTTP
// Authorization has, and what looks like a key by its letters alone.
func isSecretText(s string) bool {
	lower := strings.ToLower(s)
	if strings.ContainsAny(s, "@?") || strings.Contains(lower, "bearer ") || strings.Contains(lower, "basic ") {
		return true
	}
	if name, _, ok := strings.Cut(s, "="); ok && SecretName(name) {
		return true
	}
	for _, run := range longRun.FindAllString(s, -1) {
		if strings.ContainsFunc(run, func(r rune) bool { return '0' <= r && r <= '9' }) && strings.ContainsFunc(run, func(r rune) bool { return r > '9' }) {
			return true
		}
	}
	return false
}

// SecretName says whether a setting that is called so may well hold a secret, in any case and with digits or other
// characters between its words. It rather says so of one too many.
func SecretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"token", "secret", "passw", "passphrase", "passcode", "pwd", "cred", "auth", "key", "cookie", "session", "signature", "env"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	// These are in the middle of other words: compassion, design, spinning.
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }) {
		if strings.HasSuffix(part, "pass") || part == "pw" || part == "sig" || part == "pin" {
			return true
		}
	}
	return false
}

// Shows says whether Diff shows a string as the value of one of dockerd's options. The option may also be called as
// its flag is, most of which are in the singular: --host for hosts (moby cmd/dockerd/config.go).
func Shows(option, value string) bool {
	if value == "true" || value == "false" {
		return true
	}
	switch option {
	case "config-file", "add-runtime", "graph": // paths; the last is what data-root was called once
		return ruleShow.shows(value)
	}
	for _, key := range []string{option, option + "s", strings.TrimSuffix(option, "y") + "ies"} {
		if ruleOf(key).shows(value) {
			return true
		}
	}
	return false
}
