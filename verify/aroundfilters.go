package verify

import (
	"encoding/json"
	"slices"
	"strings"
)

// The paths that dockerd hides from a container, or makes read-only, by default
// in every version since 20.10, and that lead to the host's memory, firmware
// and settings.
var (
	alwaysMasked   = []string{"/proc/kcore", "/sys/firmware"}
	alwaysReadOnly = []string{"/proc/sys", "/proc/sysrq-trigger"}
)

// filters lists the filters between a container and the host's kernel that are
// off or loosened. The docker command sends --security-opt
// systempaths=unconfined as two empty lists.
func (w *ways) filters(c Container) {
	for _, option := range c.SecurityOpt {
		key, value := securityOption(option)
		switch {
		case c.Privileged && key == "label": // dockerd adds it on its own
		case key == "systempaths" || value == "unconfined" || value == "disable":
			w.add(true, "everything that "+Printable(key)+" protects", "--security-opt %s", Printable(option))
		case key == "label" && strings.HasPrefix(value, "type:spc_t"): // as a container that administers the host (container_selinux(8))
			w.add(true, "everything that label protects", "--security-opt %s", Printable(option))
		case key == "seccomp" && value != "builtin":
			gives, grave := seccompGives(value)
			w.add(grave, gives, "--security-opt seccomp=PROFILE")
		case key == "writable-cgroups" && value != "false":
			w.add(false, "write access to its own part of the host's cgroup tree", "--security-opt %s", Printable(option))
		}
	}
	if !c.Privileged && (lacksAny(c.MaskedPaths, alwaysMasked) || lacksAny(c.ReadonlyPaths, alwaysReadOnly)) {
		w.add(true, "everything that systempaths protects", "--security-opt systempaths=unconfined")
	}
}

// securityOption splits an option as dockerd does: at the first =, or, in the
// old syntax, at the first colon.
func securityOption(option string) (key, value string) {
	if key, value, found := strings.Cut(option, "="); found {
		return key, value
	}
	key, value, _ = strings.Cut(option, ":")
	return key, value
}

// seccompGives judges a profile, which dockerd stores as JSON, by its default
// for the system calls that it does not name.
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

// lacksAny reports whether a list from dockerd lacks one of the paths. A nil list
// means that dockerd gave none, which is not lacking.
func lacksAny(paths, always []string) bool {
	return paths != nil && slices.ContainsFunc(always, func(p string) bool { return !slices.Contains(paths, p) })
}
