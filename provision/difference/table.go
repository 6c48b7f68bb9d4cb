package difference

import "runsc-provisioner/verify"

// Feature names something that works with runc. It is the same in every version of this program.
type Feature string

// The features, in the order of the table.
const (
	Names         Feature = "names"
	HostNetwork   Feature = "host-network"
	NoNetwork     Feature = "network"
	JoinedNetwork Feature = "joined-network"
	JoinedPID     Feature = "joined-pid"
	JoinedRemap   Feature = "joined-remap"
	HostPID       Feature = "host-pid"
	HostIPC       Feature = "host-ipc"
	Sockets       Feature = "sockets"
	Privileged    Feature = "privileged"
	Devices       Feature = "devices"
	GPUs          Feature = "gpus"
	Sysctls       Feature = "sysctls"
	RawSockets    Feature = "raw-sockets"
	Seccomp       Feature = "seccomp"
	Writes        Feature = "writes"
	Tmp           Feature = "tmp"
	Update        Feature = "update"
)

// A Row is one thing that differs, with what tells that it concerns a container.
type Row struct {
	Feature Feature
	Differs string // what happens in a sandbox
	WayOut  string // what a user can do about it
	// Lacks completes "it then has"; %s is what the container was given. It is "" for what concerns every
	// container of a runtime.
	Lacks  string
	Source string // where that is known from
	// given returns what the container was given that does not work with the runtime; nil if that is nothing.
	given func(Runtime, Container) []string
}

const (
	seenOnBoth = "seen with gVisor 20260914.0 on Docker 20.10 and 26.1"
	seenOn26   = "seen with gVisor 20260914.0 on Docker 26.1"
	byRunc     = "create it with --runtime=runc"
	orRunc     = ", or " + byRunc
	hostsStack = "a runtime with --network=host (weaker isolation)" + orRunc
)

// Table returns all rows.
func Table() []Row {
	return []Row{
		{
			Names, "Docker's DNS (127.0.0.11) does not answer: names do not resolve",
			"[docker] names = \"maintain\", --add-host, " + hostsStack,
			"no names of other containers (on %s)", seenOnBoth + "; the runtime with --network=host on 26.1; gvisor.dev/docs/user_guide/faq", givenNames,
		},
		{
			// On 20.10 it gets the host's network namespace by a path, and runsc moves each interface's addresses
			// into the sandbox, as it does in a container's own namespace. Seen: docker0 had none after it.
			HostNetwork, "it has no network; on Docker 20.10 it also takes the addresses of the host's interfaces away",
			hostsStack,
			"no network (%s)", seenOnBoth + "; on 26.1 it has no interface", givenHostNetwork,
		},
		{
			NoNetwork, "it has only a loopback: the runtime has --network=none",
			"a runtime without --network=none" + orRunc,
			"no network", seenOn26, givenNoNetwork,
		},
		{
			JoinedNetwork, "it has a loopback of its own, and no network of the other container",
			hostsStack,
			"a loopback of its own (%s)", seenOnBoth, givenJoinedNetwork,
		},
		{
			JoinedPID, "it sees only its own processes",
			byRunc,
			"no processes of another container (%s)", seenOn26, givenJoinedPID,
		},
		{
			JoinedRemap, "with userns-remap it does not start: the other container's namespace belongs to other ids",
			byRunc,
			"no way to start (%s)", seenOn26, givenJoinedRemap,
		},
		{
			HostPID, "it sees only its own processes",
			byRunc,
			"no processes of the host (%s)", seenOn26, givenHostNamespace("pid"),
		},
		{
			HostIPC, "it has the files in the host's /dev/shm, and none of its semaphores and shared segments",
			byRunc,
			"no semaphores and shared segments of the host (%s)", seenOnBoth, givenHostNamespace("ipc"),
		},
		{
			Sockets, "a connection to a socket of the host is refused (ECONNREFUSED)",
			"a runtime with --host-uds=open (every socket among a container's files)" + orRunc,
			"no connection to %s", seenOnBoth, givenSockets,
		},
		{
			Privileged, "it has no device of the host, and a Docker in it fails at iptables",
			byRunc,
			"no devices of the host (%s)", seenOnBoth, givenPrivileged,
		},
		{
			Devices, "the device is missing: it has only those that gVisor emulates",
			byRunc + "; for NVIDIA's a runtime with --nvproxy, for TPUs --tpuproxy",
			"no device %s", seenOn26 + "; the proxies: gVisor's runsc/specutils", givenDevices,
		},
		{
			GPUs, "the devices are missing",
			"a runtime with --nvproxy for NVIDIA's" + orRunc,
			"no devices of %s", "gvisor.dev/docs/user_guide/gpu; not seen: no test host has a GPU", givenGPUs,
		},
		{
			Sysctls, "it has no effect: gVisor has settings of its own",
			byRunc,
			"no effect of %s", seenOnBoth, givenSysctls,
		},
		{
			RawSockets, "ping, and whatever else needs raw sockets, is refused",
			"a runtime with --net-raw" + orRunc,
			"no raw sockets (%s)", seenOn26, givenRawSockets,
		},
		{
			Seccomp, "its seccomp profile is ignored: the filter of gVisor itself stays",
			"a runtime with --oci-seccomp" + orRunc,
			"no effect of its seccomp profile", seenOn26, givenSeccomp,
		},
		{
			Writes, "what it writes outside volumes ends with its sandbox: docker cp, commit and diff do not see it",
			`a volume, or rootfs = "docker" for the runtime`,
			"no lasting writes (%s)", seenOnBoth, givenWrites,
		},
		{
			Tmp, "a tmpfs covers /tmp: files there are gone after a stop, and docker cp does not see them",
			"a volume at /tmp, or one of the other ways in docs/writes.md",
			"no lasting files in /tmp", seenOnBoth + "; gVisor's runsc/boot/vfs.go, mountTmp", givenTmp,
		},
		{
			Update, "docker update fails, and limits on memory, processors and processes have no effect",
			"a runtime without --ignore-cgroups" + orRunc,
			"", seenOn26 + "; the limits: runsc flags", givenUpdate,
		},
	}
}

// LosesWrites reports whether what the runtime's containers write to their root file system ends with their sandbox.
func (r Runtime) LosesWrites() bool {
	return verify.WritesUnder(r.release(), r.Args) == verify.WritesLost
}
