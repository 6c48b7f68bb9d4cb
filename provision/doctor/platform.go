package doctor

import (
	"os"
	"slices"
	"strings"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// gVisor's platforms, which are how a sandbox catches system calls. systrap is
// the one without a flag (gvisor.dev/docs/user_guide/platforms).
const (
	platformSystrap = "systrap"
	platformPtrace  = "ptrace"
	platformKVM     = "kvm"
)

// platforms are the managed runtimes, sorted, by the platform that they use.
type platforms map[string][]string

// platformsOf reads the arguments that the runtimes of c are to have.
func platformsOf(c config.Config, o host.Observed) platforms {
	p := platforms{}
	wanted, _ := plan.NewestSatisfying(o.Releases, c.Spec())
	for _, name := range c.RuntimeNames() {
		platform := platformOf(plan.ArgumentsOf(c, o, wanted.Name, name).List)
		p[platform] = append(p[platform], name)
	}
	return p
}

// platformOf reads --platform as Go's package flag does: the last one counts.
func platformOf(args []string) string {
	platform := platformSystrap
	for i, arg := range args {
		name, dashed := strings.CutPrefix(arg, "-")
		name, value, has := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		switch {
		case !dashed || name != "platform":
		case has:
			platform = value
		case i+1 < len(args):
			platform = args[i+1]
		}
	}
	return platform
}

// ptraceItem is of Yama's scope 3, with which nobody may trace.
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
	item.Seen += ": nobody may trace, and the platform of runtime " + strings.Join(tracing, ", ") + " does"
	item.Remedy = "set it to 2 or less and boot again, or use --runtime-arg=--platform=kvm"
	return item
}

func kvmItem(p platforms) checkup.Item {
	_, err := os.Stat("/dev/kvm")
	return p.kvmItem(err == nil)
}

// kvmItem is pure.
func (p platforms) kvmItem(there bool) checkup.Item {
	item := checkup.Item{Name: "kvm"}
	used := strings.Join(p[platformKVM], ", ")
	switch {
	case there && used != "":
		item.Seen = "/dev/kvm is there, for runtime " + used
	case there:
		item.Seen = "/dev/kvm is there: --runtime-arg=--platform=kvm could be used"
	case used != "":
		item.Health, item.Seen = checkup.Critical, "no /dev/kvm, and runtime "+used+" is to use it: no sandbox of it starts"
		item.Remedy = "modprobe kvm_intel or kvm_amd (virtualisation has to be on in the firmware, or passed on by the hypervisor), or take --platform=kvm out of its arguments"
	default:
		item.Seen = "no /dev/kvm, which no runtime here uses"
	}
	return item
}
