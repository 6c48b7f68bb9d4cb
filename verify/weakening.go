package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Weakness is a setting that gives away some of a sandbox's isolation, and
// leaves it a sandbox. Its strings are safe to show.
type Weakness struct {
	Setting string // "--network=host"
	Gives   string // what it gives away, as a sentence or its object
	Where   string // what it was read from: "/proc/PID/cmdline", "/info", "annotation"
	Source  string // where gVisor says so
}

// A Weakening is one kind of setting that Weaknesses knows.
type Weakening struct {
	Flag   string // as runsc has it; one that ends in "-" is the beginning of several
	Is     string // the values that weaken, in words: "host", "true", "anything but none"
	Gives  string
	Source string

	weak func(value string) bool
}

const (
	saidByFlags    = "runsc flags, release 20260914.0"
	saidByGuide    = "gvisor.dev/docs/architecture_guide"
	saidByNetwork  = "gvisor.dev/docs/user_guide/networking"
	saidByDebug    = "gvisor.dev/docs/user_guide/debugging"
	saidByPlatform = "gvisor.dev/docs/user_guide/platforms"
	saidByFiles    = "gvisor.dev/docs/user_guide/filesystem"
)

// Weakenings is the table of what runsc's flags can give away, by name.
func Weakenings() []Weakening { return slices.Clone(weakenings) }

var weakenings = []Weakening{
	{"EXPERIMENTAL-", "on", "an experiment of gVisor's, without its promises", saidByFlags, isOn},
	{"EXPERIMENTAL-xdp", "anything but off", "packets past the host's network stack, by an experiment", saidByFlags, isNot("off")},
	{"TESTONLY-", "on", "what only gVisor's own tests may have: isolation from the host is left out", saidByFlags, isOn},
	{"allow-flag-override", "true", "whoever creates a container sets any of these by an annotation", saidByFlags, isOn},
	{"allow-packet-socket-write", "true", "frames of any content into the network", saidByFlags, isOn},
	{"allow-rootfs-tar-annotation", "true", "whoever creates a container names a file of the host to be unpacked by an annotation", saidByFlags, isOn},
	{"allow-suid", "true", "programs with the setuid bit change ids inside the sandbox", saidByFlags, isOn},
	{"character-device-policy", "anything but emulated-only", "character devices of the host that are in the container's files", saidByFlags, isNot("emulated-only")},
	{"debug", "true", "logs with the container's data in the host's files", saidByDebug, isOn},
	{"debug-log", "set", "logs with the container's data in the host's files", saidByDebug, isSet},
	{"file-access", "shared", "files that the host may change under the sandbox", saidByFiles, is("shared")},
	{"fsgofer-host-uds", "true", "every unix socket of the host that is in the container's files", saidByFlags, isOn},
	{"gofer-network-namespace", "host, or one that exists", "the gofer is in a network that is not empty", saidByFlags, isNot("null", "new")},
	{"host-fifo", "anything but none", "the named pipes of the host that are in the container's files", saidByFlags, isNot("none")},
	{"host-uds", "anything but none", "unix sockets of the host that are in the container's files, docker.sock among them", saidByFlags, isNot("none")},
	{"ignore-cgroups", "true", "limits of memory, processors and processes do not hold, and the sandbox has no cgroup of its own to be seen in", saidByFlags, isOn},
	{"iouring", "true", "an experiment with io_uring", saidByFlags, isOn},
	{"log-packets", "true", "logs of the container's network traffic in the host's files", saidByFlags, isOn},
	{"net-raw", "true", "raw sockets: packets of any content into the network", saidByFlags, isOn},
	{"network", "host", "the host's own network stack, reached by system calls of the host's kernel", saidByNetwork, is("host")},
	{"nvproxy", "true", "the ioctls of NVIDIA's driver in the host's kernel", saidByFlags, isOn},
	{"pcap-log", "set", "the container's network traffic in a file of the host", saidByFlags, isSet},
	{"platform", "ptrace", "the oldest platform, slow and no longer supported: systrap replaces it", saidByPlatform, is("ptrace")},
	{"profile", "true", "a looser filter of system calls for the sandbox: not for production", saidByFlags, isOn},
	{"rdmaproxy", "true", "the ioctls of RDMA devices in the host's kernel", saidByFlags, isOn},
	{"reproduce-nat", "true", "a copy of the host's NAT table inside the sandbox", saidByFlags, isOn},
	{"reproduce-nftables", "true", "a copy of the host's packet filter inside the sandbox", saidByFlags, isOn},
	{"rootless", "true", "sandbox and gofer may keep all privileges of the user that started them", saidByFlags, isOn},
	{"sidecar-release-enforcement-policy", "NEVER", "a sentry of another release than runsc", saidByFlags, is("NEVER")},
	{"strace", "true", "logs of every system call, with its data, in the host's files", saidByDebug, isOn},
	{"tpuproxy", "true", "the ioctls of TPU devices in the host's kernel", saidByFlags, isOn},
	{"trace", "set", "a trace of the sandbox in a file of the host", saidByFlags, isSet},
	{"vfio", "true", "devices of the host's VFIO", saidByGuide, isOn},
}

func isOn(value string) bool {
	on, err := strconv.ParseBool(value)
	return err != nil || on // what is no boolean was not refused by runsc either
}

func isSet(value string) bool { return value != "" }

func is(values ...string) func(string) bool {
	return func(value string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, value) })
	}
}

func isNot(values ...string) func(string) bool {
	weak := is(values...)
	return func(value string) bool { return !weak(value) }
}

// annotationPrefix is before a flag's name in an annotation that sets it.
const annotationPrefix = "dev.gvisor.flag."

// Weaknesses lists the settings of a container's sandbox that give isolation
// away: those its processes were started with, where they run from a release,
// what the runtime's arguments say for the next one, and annotations where
// those are heeded. One that is read in several places is listed once. It is
// pure.
func Weaknesses(c Container, e Evidence, args []string, releases []Release) []Weakness {
	var found []Weakness
	add := func(flags []setting, where string) {
		for _, flag := range flags {
			w, ok := flag.weakens()
			if !ok {
				continue
			}
			w.Where = where
			i := slices.IndexFunc(found, func(f Weakness) bool { return f.Setting == w.Setting })
			if i < 0 {
				found = append(found, w)
			} else if !strings.Contains(found[i].Where, where) {
				found[i].Where += ", " + where
			}
		}
	}
	if identify(e.Process.Exe, releases).boots() && len(e.Process.Argv) > 1 {
		add(settings(untilCommand(e.Process.Argv[1:])), fmt.Sprintf("/proc/%d/cmdline", e.Process.PID))
	}
	for _, gofer := range e.Gofers {
		if identify(gofer.Process.Exe, releases) != (File{}) && len(gofer.Process.Argv) > 1 {
			add(settings(untilCommand(gofer.Process.Argv[1:])), fmt.Sprintf("/proc/%d/cmdline", gofer.Process.PID))
		}
	}
	add(settings(args), "/info")
	heeded := slices.ContainsFunc(found, func(w Weakness) bool { return strings.HasPrefix(w.Setting, "--allow-flag-override") })
	if heeded {
		var flags []setting
		for key, value := range c.Annotations {
			if name, ok := strings.CutPrefix(key, annotationPrefix); ok {
				flags = append(flags, setting{name, value})
			}
		}
		slices.SortFunc(flags, func(a, b setting) int { return strings.Compare(a.name, b.name) })
		add(flags, "annotation")
	}
	return found
}

// RuntimeWeaknesses lists what a runtime's arguments would give away.
func RuntimeWeaknesses(args []string) []Weakness {
	return Weaknesses(Container{}, Evidence{}, args, nil)
}

// setting is one flag as runsc would read it.
type setting struct{ name, value string }

// weakens finds the setting in the table. An exact name goes before the
// beginning of one.
func (s setting) weakens() (Weakness, bool) {
	var found *Weakening
	for i := range weakenings {
		w := &weakenings[i]
		prefix := strings.HasSuffix(w.Flag, "-") && strings.HasPrefix(s.name, w.Flag)
		if s.name == w.Flag || prefix && found == nil {
			found = w
		}
	}
	if found == nil || !found.weak(s.value) {
		return Weakness{}, false
	}
	shown := "--" + s.name
	if value, err := strconv.ParseBool(s.value); err != nil || !value {
		shown += "=" + s.value
	}
	return Weakness{Setting: Printable(shown), Gives: found.Gives, Source: found.Source}, true
}

// untilCommand drops runsc's command ("boot", "gofer") and what follows: runsc
// hands its flags on as --name=value, so the first word without a dash is that.
func untilCommand(argv []string) []string {
	for i, arg := range argv {
		if !strings.HasPrefix(arg, "-") {
			return argv[:i]
		}
	}
	return argv
}

// settings reads arguments as Go's package flag does, and on after a word that
// is no flag: rather one too many is seen than one too few. A flag without a
// value has the next word for one, or is true.
func settings(args []string) []setting {
	var list []setting
	for i, arg := range args {
		name, dashed := strings.CutPrefix(arg, "-")
		if !dashed {
			continue
		}
		name = strings.TrimPrefix(name, "-")
		name, value, has := strings.Cut(name, "=")
		if !has {
			value = "true"
			if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") && !boolean(name) {
				value = args[i+1]
			}
		}
		list = append(list, setting{name, value})
	}
	return list
}

// boolean reports whether a flag of the table takes no value of its own.
func boolean(name string) bool {
	for _, w := range weakenings {
		if w.Flag == name {
			return w.Is == "true"
		}
	}
	return false
}
