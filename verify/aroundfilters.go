package verify

import (
	"encoding/json"
	"slices"
	"strings"
)

// The paths that dockerd hides from a container, or shows it read-only, unless
// it is asked otherwise: those of every version since 20.10 that lead to the
// host's memory, firmware and settings.
var (
	alwaysMasked   = []string{"/proc/kcore", "/sys/firmware"}
	alwaysReadOnly = []string{"/proc/sys", "/proc/sysrq-trigger"}
)

// filters are what keeps a container from the host's kernel. The docker command
// has --security-opt systempaths=unconfined arrive as two empty lists.
func (w *ways) filters(c Container) {
	for _, option := range c.SecurityOpt {
		key, value := securityOption(option)
		switch {
		case c.Privileged && key == "label": // dockerd adds it by itself
		case key == "systempaths" || value == "unconfined" || value == "disable":
			w.add(true, "what "+Printable(key)+" keeps from others", "--security-opt %s", Printable(option))
		case key == "label" && strings.HasPrefix(value, "type:spc_t"): // as a container that administers the host (container_selinux(8))
			w.add(true, "what label keeps from others", "--security-opt %s", Printable(option))
		case key == "seccomp" && value != "builtin":
			gives, grave := seccompGives(value)
			w.add(grave, gives, "--security-opt seccomp=PROFILE")
		case key == "writable-cgroups" && value != "false":
			w.add(false, "its own part of the host's cgroup tree, to write", "--security-opt %s", Printable(option))
		}
	}
	if !c.Privileged && (opened(c.MaskedPaths, alwaysMasked) || opened(c.ReadonlyPaths, alwaysReadOnly)) {
		w.add(true, "what systempaths keeps from others", "--security-opt systempaths=unconfined")
	}
}

// securityOption divides an option as dockerd does: at the first =, or in the
// old way at the first colon.
func securityOption(option string) (key, value string) {
	if key, value, found := strings.Cut(option, "="); found {
		return key, value
	}
	key, value, _ = strings.Cut(option, ":")
	return key, value
}

// seccompGives judges a profile, which dockerd has as JSON, by what it does with
// the system calls that it does not name.
func seccompGives(profile string) (gives string, grave bool) {
	var said struct {
		DefaultAction string `json:"defaultAction"`
	}
	if err := json.Unmarshal([]byte(profile), &said); err != nil {
		return "system calls by a profile that cannot be read", true
	}
	switch said.DefaultAction {
	case "SCMP_ACT_ALLOW", "SCMP_ACT_LOG":
		return "every system call that its profile does not name: " + said.DefaultAction, true
	}
	return "system calls by a profile of its own", false
}

// opened reports whether a list that dockerd gave lacks a path it should have;
// nil is that it gave none.
func opened(paths, always []string) bool {
	return paths != nil && slices.ContainsFunc(always, func(p string) bool { return !slices.Contains(paths, p) })
}
