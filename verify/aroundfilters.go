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
		case c.addsLabel(option):
		case key == "systempaths" || value == "unconfined" || value == "disable":
			w.filter("everything that "+Printable(key)+" protects", true, "--security-opt %s", Printable(option))
		case key == "label" && strings.HasPrefix(value, "type:spc_t"): // as a container that administers the host (container_selinux(8))
			w.filter("everything that label protects", true, "--security-opt %s", Printable(option))
		case key == "seccomp" && value != "builtin":
			gives, grave := seccompGives(value)
			w.filter(gives, grave, "--security-opt seccomp=PROFILE")
		case key == "writable-cgroups" && value != "false":
			w.filter("write access to its own part of the host's cgroup tree", false, "--security-opt %s", Printable(option))
		}
	}
	if !c.Privileged && (lacksAny(c.MaskedPaths, alwaysMasked) || lacksAny(c.ReadonlyPaths, alwaysReadOnly)) {
		w.filter("everything that systempaths protects", true, "--security-opt systempaths=unconfined")
	}
}

// filter adds an option that loosens a filter between the container and the host's kernel. A sandbox keeps its own.
func (w *ways) filter(gives string, grave bool, what string, args ...any) {
	w.addOutside(grave, gives, "nothing of the host: the sandbox's own isolation stays in force", what, args...)
}

// addsLabel reports whether dockerd adds a label option on its own: to every container that is privileged, or has the
// host's pid or ipc namespace (moby daemon/create.go, generateSecurityOpt).
func (c Container) addsLabel(option string) bool {
	key, _ := securityOption(option)
	shares := slices.Contains(c.HostNamespaces, "pid") || slices.Contains(c.HostNamespaces, "ipc")
	return c.Privileged && key == "label" || shares && option == "label=disable"
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
