package verify

import (
	"slices"
	"strconv"
	"strings"
)

// A Weakness is a setting that gives away some of a sandbox's isolation, and
// leaves it a sandbox. Its strings are safe to show.
type Weakness struct {
	Setting string // "--network=host"
	Gives   string // what it gives away, as a sentence or its object
	Where   string // what it was read from: "/proc/PID/cmdline", InInfo, InAnnotation, InDevices
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
	saidByNetwork  = "gvisor.dev/docs/user_guide/networking"
	saidByDebug    = "gvisor.dev/docs/user_guide/debugging"
	saidByPlatform = "gvisor.dev/docs/user_guide/platforms"
	saidByFiles    = "gvisor.dev/docs/user_guide/filesystem"

	saidByMonitoring = "gvisor.dev/docs/user_guide/runtime_monitoring"
	saidByDevices    = "gVisor's runsc/specutils/nvidia.go and specutils.go, release 20260914.0"
)

const (
	nvproxyGives  = "the ioctls of NVIDIA's driver in the host's kernel"
	tpuproxyGives = "the ioctls of TPU and VFIO devices in the host's kernel"
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
	{"coverage-report", "set", "a report of the sentry in a file of the host", saidByFlags, isSet},
	{"debug", "true", "logs with the container's data in the host's files", saidByDebug, isOn},
	{"debug-log", "set", "logs with the container's data in the host's files", saidByDebug, isSet},
	{"debug-to-user-log", "true", "what the sentry says of itself, for whoever reads the container's own log", saidByFlags, isOn},
	{"file-access", "shared", "files that the host may change under the sandbox", saidByFiles, is("shared")},
	{"final-metrics-log", "set", "counts of what the container did in a file of the host", saidByFlags, isSet},
	{"fsgofer-host-uds", "true", "every unix socket of the host that is in the container's files", saidByFlags, isOn},
	{"gofer-network-namespace", "host, or one that exists", "the gofer is in a network that is not empty", saidByFlags, isNot("null", "new")},
	{"host-fifo", "anything but none", "the named pipes of the host that are in the container's files", saidByFlags, isNot("none")},
	{"host-settings", "adjust, enforce", "the host's kernel settings are changed when a sandbox starts", saidByFlags, is("adjust", "enforce")},
	{"host-uds", "anything but none", "unix sockets of the host that are in the container's files, docker.sock among them", saidByFlags, isNot("none")},
	{"ignore-cgroups", "true", "limits of memory, processors and processes do not hold, and the sandbox has no cgroup of its own to be seen in", saidByFlags, isOn},
	{"iouring", "true", "an experiment with io_uring", saidByFlags, isOn},
	{"log-packets", "true", "logs of the container's network traffic in the host's files", saidByFlags, isOn},
	{"metric-server", "set", "counts of what the container did on an address or a socket of the host", saidByFlags, isSet},
	{"net-raw", "true", "raw sockets: packets of any content into the network", saidByFlags, isOn},
	{"network", "host", "the host's own network stack, reached by system calls of the host's kernel", saidByNetwork, is("host")},
	{"nvproxy", "true", nvproxyGives, saidByFlags, isOn},
	{"nvproxy-allow-unsupported-driver", "true", "ioctls of an NVIDIA driver that gVisor does not know", saidByFlags, isOn},
	{"nvproxy-allowed-driver-capabilities", "anything beyond utility and compute", "more of the ioctls of NVIDIA's driver in the host's kernel", saidByFlags, isBeyond("utility", "compute")},
	{"nvproxy-docker", "true", "NVIDIA's hook, which runs on the host and gives a container that asks for them the host's GPUs", saidByFlags, isOn},
	{"overlay2", "in a directory", "what the container writes in a directory of the host", saidByFlags, isInDirectory},
	{"panic-log", "set", "what the sentry says when it dies in a file of the host", saidByFlags, isSet},
	{"pcap-log", "set", "the container's network traffic in a file of the host", saidByFlags, isSet},
	{"platform", "ptrace", "the oldest platform, slow and no longer supported: systrap replaces it", saidByPlatform, is("ptrace")},
	{"pod-init-config", "set", "a trace of what the container does, with its data, to a socket of the host", saidByMonitoring, isSet},
	{"profile", "true", "a looser filter of system calls for the sandbox: not for production", saidByFlags, isOn},
	{"profiling-metrics-log", "set", "counts of what the container did in a file of the host: not for production", saidByFlags, isSet},
	{"rdmaproxy", "true", "the ioctls of RDMA devices in the host's kernel", saidByFlags, isOn},
	{"reproduce-nat", "true", "a copy of the host's NAT table inside the sandbox", saidByFlags, isOn},
	{"reproduce-nftables", "true", "a copy of the host's packet filter inside the sandbox", saidByFlags, isOn},
	{"rootless", "true", "sandbox and gofer may keep all privileges of the user that started them", saidByFlags, isOn},
	{"sidecar-release-enforcement-policy", "NEVER", "a sentry of another release than runsc", saidByFlags, is("NEVER")},
	{"strace", "true", "logs of every system call, with its data, in the host's files", saidByDebug, isOn},
	{"strace-event", "true", "every system call, with its data, for whoever traces the sandbox", saidByFlags, isOn},
	{"tpuproxy", "true", tpuproxyGives, saidByFlags, isOn},
	{"trace", "set", "a trace of the sandbox in a file of the host", saidByFlags, isSet},
}

func isOn(value string) bool {
	on, err := strconv.ParseBool(value)
	return err != nil || on // what is no boolean was not refused by runsc either
}

func is(values ...string) func(string) bool {
	return func(value string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, value) })
	}
}

func isNot(values ...string) func(string) bool {
	weak := is(values...)
	return func(value string) bool { return !weak(value) }
}

// isBeyond reports whether a list holds anything but these.
func isBeyond(values ...string) func(string) bool {
	known := is(values...)
	return func(list string) bool {
		return slices.ContainsFunc(strings.Split(list, ","), func(one string) bool { return one != "" && !known(one) })
	}
}

// isInDirectory reports whether an overlay's upper layer is a file of the
// host's: "all:dir=/x,size=1g".
func isInDirectory(value string) bool { return strings.Contains(value, ":dir=") }

func isSet(value string) bool { return value != "" }
