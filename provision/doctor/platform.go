package doctor

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/runtimes"
)

// gVisor's platforms: how a sandbox intercepts system calls. systrap is the default
// (gvisor.dev/docs/user_guide/platforms).
const (
	platformSystrap = "systrap"
	platformPtrace  = "ptrace"
	platformKVM     = "kvm"
)

// platforms lists the configured runtimes, sorted, by the platform that they use.
type platforms map[string][]string

// platformsOf reads the arguments that the runtimes of c will have.
func platformsOf(c config.Config, o host.Observed) platforms {
	p := platforms{}
	wanted, _ := release.NewestSatisfying(o.Releases, c.Spec())
	for _, name := range c.RuntimeNames() {
		platform := platformOf(runtimes.ArgumentsOf(c, o, wanted.Name, name).List)
		p[platform] = append(p[platform], name)
	}
	return p
}

// platformOf reads --platform as Go's package flag does: the last one wins.
func platformOf(args []string) string {
	platform := platformSystrap
	for i, arg := range args {
		switch name, value, has := splitArgument(arg); {
		case name != "platform":
		case has:
			platform = value
		case i+1 < len(args):
			platform = args[i+1]
		}
	}
	return platform
}

// splitArgument splits -name=value or --name=value. name is "" for anything else.
func splitArgument(arg string) (name, value string, has bool) {
	name, dashed := strings.CutPrefix(arg, "-")
	if !dashed {
		return "", "", false
	}
	return strings.Cut(strings.TrimPrefix(name, "-"), "=")
}

// runtimesWithCgroups are the configured runtimes, sorted, that make cgroups.
func runtimesWithCgroups(c config.Config, o host.Observed) (names []string) {
	wanted, _ := release.NewestSatisfying(o.Releases, c.Spec())
	for _, name := range c.RuntimeNames() {
		if !ignoresCgroups(runtimes.ArgumentsOf(c, o, wanted.Name, name).List) {
			names = append(names, name)
		}
	}
	return names
}

// ignoresCgroups reads --ignore-cgroups, a boolean flag: the last one wins.
func ignoresCgroups(args []string) (ignores bool) {
	for _, arg := range args {
		if name, value, has := splitArgument(arg); name == "ignore-cgroups" {
			on, err := strconv.ParseBool(value)
			ignores = !has || err == nil && on
		}
	}
	return ignores
}

// ptraceItem checks Yama's scope: 3 forbids ptrace to every process.
func ptraceItem(h *host.Host, p platforms) checkup.Item {
	scope, err := sysctl(h, "kernel/yama/ptrace_scope")
	if err != nil {
		return checkup.Item{Name: "ptrace", Seen: "not restricted by Yama"}
	}
	item := checkup.Item{Name: "ptrace", Seen: "kernel.yama.ptrace_scope is " + scope}
	if scope != "3" {
		return item
	}
	tracing := slices.Sorted(slices.Values(append(slices.Clone(p[platformSystrap]), p[platformPtrace]...)))
	if len(tracing) == 0 {
		item.Seen += ", and no runtime traces"
		return item
	}
	item.Health = checkup.Critical
	item.Seen += ": no process may trace, but the platform of runtime " + strings.Join(tracing, ", ") + " must"
	item.Remedy = "set it to 2 or less and reboot, or use --runtime-arg=--platform=kvm"
	return item
}

func kvmItem(p platforms) checkup.Item {
	_, err := os.Stat("/dev/kvm")
	return p.kvmItem(err == nil)
}

// kvmItem is pure.
func (p platforms) kvmItem(exists bool) checkup.Item {
	item := checkup.Item{Name: "kvm"}
	used := strings.Join(p[platformKVM], ", ")
	switch {
	case exists && used != "":
		item.Seen = "/dev/kvm exists; runtime " + used + " uses it"
	case exists:
		item.Seen = "/dev/kvm exists: --runtime-arg=--platform=kvm is possible"
	case used != "":
		item.Health, item.Seen = checkup.Critical, "/dev/kvm is missing, and runtime "+used+" needs it: none of its sandboxes starts"
		item.Remedy = "modprobe kvm_intel or kvm_amd (virtualisation must be enabled in the firmware, or passed on by the hypervisor), or remove --platform=kvm from its arguments"
	default:
		item.Seen = "/dev/kvm is missing; no runtime here uses it"
	}
	return item
}
