package verify

import (
	"slices"
	"strconv"
	"strings"
)

// A Weakness is a setting that weakens a sandbox's isolation; it remains a
// sandbox. Its strings are safe to show.
type Weakness struct {
	Setting string // "--network=host"
	Gives   string // what the container gets, or what else it causes
	Where   string // where it was found: "/proc/PID/cmdline", inInfo, InAnnotation, InDevices
	Source  string // where gVisor documents it
}

// A weakening is one row of the table of settings that Weaknesses looks for.
type weakening struct {
	Flag   string // as runsc names it; one that ends in "-" is a prefix of several
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

// weakenings is the table of runsc flags that weaken a sandbox, sorted by name.
var weakenings = []weakening{
	{"EXPERIMENTAL-", "on", "a gVisor experiment, without guarantees", saidByFlags, isOn},
	{"EXPERIMENTAL-xdp", "anything but off", "packets that bypass the host's network stack, by an experiment", saidByFlags, isNot("off")},
	{"TESTONLY-", "on", "settings for gVisor's own tests only: parts of the isolation from the host are off", saidByFlags, isOn},
	{"allow-flag-override", "true", "any user who creates a container can set any of these flags by an annotation", saidByFlags, isOn},
	{"allow-packet-socket-write", "true", "frames with any content into the network", saidByFlags, isOn},
	{"allow-rootfs-tar-annotation", "true", "any user who creates a container can have a file of the host unpacked, by an annotation", saidByFlags, isOn},
	{"allow-suid", "true", "programs with the setuid bit change ids inside the sandbox", saidByFlags, isOn},
	{"character-device-policy", "anything but emulated-only", "the host's character devices among the container's files", saidByFlags, isNot("emulated-only")},
	{"coverage-report", "set", "a coverage report of the sentry, in a file of the host", saidByFlags, isSet},
	{"debug", "true", "logs with the container's data in the host's files", saidByDebug, isOn},
	{"debug-log", "set", "logs with the container's data in the host's files", saidByDebug, isSet},
	{"debug-to-user-log", "true", "the sentry's own log, in the container's log", saidByFlags, isOn},
	{"file-access", "shared", "files that the host may change under the sandbox", saidByFiles, is("shared")},
	{"final-metrics-log", "set", "counts of what the container did, in a file of the host", saidByFlags, isSet},
	{"fsgofer-host-uds", "true", "every unix socket of the host among the container's files", saidByFlags, isOn},
	{"gofer-network-namespace", "host, or one that exists", "the gofer has a network that is not empty", saidByFlags, isNot("null", "new")},
	{"host-fifo", "anything but none", "the host's named pipes among the container's files", saidByFlags, isNot("none")},
	{"host-settings", "adjust, enforce", "the host's kernel settings are changed when a sandbox starts", saidByFlags, is("adjust", "enforce")},
	{"host-uds", "anything but none", "the host's unix sockets among the container's files, docker.sock included", saidByFlags, isNot("none")},
	{"ignore-cgroups", "true", "limits on memory, processors and processes have no effect, and the sandbox has no cgroup that identifies it", saidByFlags, isOn},
	{"iouring", "true", "an experiment with io_uring", saidByFlags, isOn},
	{"log-packets", "true", "logs of the container's network traffic in the host's files", saidByFlags, isOn},
	{"metric-server", "set", "counts of what the container did, on an address or a socket of the host", saidByFlags, isSet},
	{"net-raw", "true", "raw sockets: packets with any content into the network", saidByFlags, isOn},
	{"network", "host", "the host's own network stack, reached by system calls of the host's kernel", saidByNetwork, is("host")},
	{"nvproxy", "true", nvproxyGives, saidByFlags, isOn},
	{"nvproxy-allow-unsupported-driver", "true", "ioctls of an NVIDIA driver that gVisor does not know", saidByFlags, isOn},
	{"nvproxy-allowed-driver-capabilities", "anything beyond utility and compute", "more of the ioctls of NVIDIA's driver in the host's kernel", saidByFlags, isBeyond("utility", "compute")},
	{"nvproxy-docker", "true", "NVIDIA's hook, which runs on the host and gives the host's GPUs to a container that asks for them", saidByFlags, isOn},
	{"overlay2", "in a directory", "the container's writes, in a directory of the host", saidByFlags, isInDirectory},
	{"panic-log", "set", "the sentry's last words when it dies, in a file of the host", saidByFlags, isSet},
	{"pcap-log", "set", "the container's network traffic, in a file of the host", saidByFlags, isSet},
	{"platform", "ptrace", "the oldest platform, slow and no longer supported: systrap replaces it", saidByPlatform, is("ptrace")},
	{"pod-init-config", "set", "a trace of what the container does, with its data, to a socket of the host", saidByMonitoring, isSet},
	{"profile", "true", "a looser system call filter for the sandbox: not for production", saidByFlags, isOn},
	{"profiling-metrics-log", "set", "counts of what the container did, in a file of the host: not for production", saidByFlags, isSet},
	{"rdmaproxy", "true", "the ioctls of RDMA devices in the host's kernel", saidByFlags, isOn},
	{"reproduce-nat", "true", "a copy of the host's NAT table inside the sandbox", saidByFlags, isOn},
	{"reproduce-nftables", "true", "a copy of the host's packet filter inside the sandbox", saidByFlags, isOn},
	{"rootless", "true", "sandbox and gofer may keep all privileges of the user that started them", saidByFlags, isOn},
	{"sidecar-release-enforcement-policy", "NEVER", "a sentry from another release than runsc", saidByFlags, is("NEVER")},
	{"strace", "true", "logs of every system call, with its data, in the host's files", saidByDebug, isOn},
	{"strace-event", "true", "every system call, with its data, for programs that trace the sandbox", saidByFlags, isOn},
	{"tpuproxy", "true", tpuproxyGives, saidByFlags, isOn},
	{"trace", "set", "a trace of the sandbox, in a file of the host", saidByFlags, isSet},
}

func isOn(value string) bool {
	on, err := strconv.ParseBool(value)
	return err != nil || on // runsc would have refused a value that is not a boolean
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
	isListed := is(values...)
	return func(list string) bool {
		return slices.ContainsFunc(strings.Split(list, ","), func(one string) bool { return one != "" && !isListed(one) })
	}
}

// isInDirectory reports whether an overlay's upper layer is a file on the host:
// "all:dir=/x,size=1g".
func isInDirectory(value string) bool { return strings.Contains(value, ":dir=") }

func isSet(value string) bool { return value != "" }
