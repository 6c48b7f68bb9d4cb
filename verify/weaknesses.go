package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// annotationPrefix precedes the flag's name in an annotation that sets a flag.
const annotationPrefix = "dev.gvisor.flag."

// heededAlways are the flags of the table that an annotation sets even without
// --allow-flag-override (runsc/config/flags.go, overrideAllowlist). The other
// flags of that list can weaken nothing.
var heededAlways = []string{"debug", "debug-to-user-log", "host-uds", "reproduce-nftables", "strace"}

// proxies lists what switches gVisor's accelerator proxies on without a flag:
// annotations, and devices by the prefix of their path in the container
// (runsc/specutils, NVProxyEnabled and TPUProxyIsEnabled).
var proxies = []struct{ annotation, device, gives string }{
	{"dev.gvisor.internal.nvproxy", "/dev/nvidiactl", nvproxyGives},
	{"dev.gvisor.internal.tpuproxy", "/dev/accel", tpuproxyGives},
	{"", "/dev/vfio", tpuproxyGives},
}

// driverArgument follows the command of a sandbox that has nvproxy on, for
// whatever reason (runsc/sandbox/sandbox.go).
const driverArgument = "--nvidia-driver-version="

// Values of Weakness.Where that are not files.
const (
	InAnnotation = "annotation"
	InDevices    = "devices"
	inInfo       = "/info"
)

// Weaknesses lists the settings that weaken the isolation of a container's
// sandbox. It reads the arguments of the container's processes if they run from
// a release, the runtime's arguments, which apply to the next start,
// annotations that runsc obeys, and devices that have a proxy. A setting found
// in several places is listed once. It is pure.
func Weaknesses(c Container, e Evidence, args []string, releases []Release) []Weakness {
	var found weaknesses
	booted := identify(e.Process.Exe, releases).boots()
	if booted && len(e.Process.Argv) > 1 {
		found.ofProcess(e.Process)
	}
	for _, gofer := range e.Gofers {
		if identify(gofer.Process.Exe, releases) != (File{}) && len(gofer.Process.Argv) > 1 {
			found.ofProcess(gofer.Process)
		}
	}
	found.add(settings(args), inInfo)
	if booted || e.Gap != Complete { // runtimes other than gVisor's ignore these
		found.ofRequest(c)
	}
	return found
}

// RuntimeWeaknesses lists the weaknesses that a runtime's arguments would
// cause.
func RuntimeWeaknesses(args []string) []Weakness {
	var found weaknesses
	found.add(settings(args), inInfo)
	return found
}

type weaknesses []Weakness

func (f *weaknesses) add(flags []setting, where string) {
	for _, flag := range flags {
		if w, ok := flag.weakens(); ok {
			w.Where = where
			f.put(w)
		}
	}
}

func (f *weaknesses) put(w Weakness) {
	i := slices.IndexFunc(*f, func(old Weakness) bool { return old.Setting == w.Setting })
	if i < 0 {
		*f = append(*f, w)
	} else if old := &(*f)[i]; !strings.Contains(old.Where, w.Where) {
		old.Where += ", " + w.Where
	}
}

func (f *weaknesses) ofProcess(p Process) {
	where := fmt.Sprintf("/proc/%d/cmdline", p.PID)
	flags := untilCommand(p.Argv[1:])
	f.add(settings(flags), where)
	for _, arg := range p.Argv[1+len(flags):] {
		if version, ok := strings.CutPrefix(arg, driverArgument); ok && version != "" {
			f.put(Weakness{Setting: Printable(arg), Gives: nvproxyGives, Where: where, Source: saidByDevices})
		}
	}
}

// ofRequest adds the weaknesses that the container's creator asked for.
func (f *weaknesses) ofRequest(c Container) {
	any := slices.ContainsFunc(*f, func(w Weakness) bool { return strings.HasPrefix(w.Setting, "--allow-flag-override") })
	var flags []setting
	for key, value := range c.Annotations {
		if name, ok := strings.CutPrefix(key, annotationPrefix); ok && (any || slices.Contains(heededAlways, name)) {
			flags = append(flags, setting{name, value})
		}
	}
	slices.SortFunc(flags, func(a, b setting) int { return strings.Compare(a.name, b.name) })
	f.add(flags, InAnnotation)
	for _, proxy := range proxies {
		if on, err := strconv.ParseBool(c.Annotations[proxy.annotation]); err == nil && on && proxy.annotation != "" {
			f.put(Weakness{Setting: proxy.annotation + "=true", Gives: proxy.gives, Where: InAnnotation, Source: saidByDevices})
		}
		for _, device := range c.Devices {
			if strings.HasPrefix(device.Destination, proxy.device) && device.Destination != "/dev/vfio/vfio" {
				f.put(Weakness{Setting: "--device=" + Printable(device.Source) + ":" + Printable(device.Destination), Gives: proxy.gives, Where: InDevices, Source: saidByDevices})
			}
		}
	}
}
