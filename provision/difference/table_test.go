package difference

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/verify"
)

// joined is a container that shares a namespace with container db.
func joined(kind string) Container {
	return Container{Container: verify.Container{Joins: []verify.Join{{Kind: kind, Container: "db"}}}}
}

func mounting(paths ...string) Container {
	var c Container
	for _, path := range paths {
		c.Mounts = append(c.Mounts, verify.HostMount{Source: path})
	}
	return c
}

// remapped is the runtime of a dockerd with userns-remap.
var remapped = Runtime{Remapped: true}

func with(args ...string) Runtime { return Runtime{Args: args} }

// Each row has a container that it concerns, and others that it does not concern because one thing is different.
func TestEachRow(t *testing.T) {
	given := func(c verify.Container) Container { return Container{Container: c} }
	ownIDs := joined("network")
	ownIDs.UsernsMode = "host"
	seenSocket, noSocket := mounting("/run/app"), mounting("/srv/app.sock")
	seenSocket.Sockets = map[string][]string{"/run/app": {"/run/app/a", "/run/app/b"}}
	noSocket.Sockets = map[string][]string{"/srv/app.sock": nil} // it is a directory
	linked := mounting("/srv/s")
	linked.Mounts[0].Resolved = "/run/docker.sock"
	tests := []struct {
		feature   Feature
		situation string
		runtime   Runtime
		c         Container
		want      string // the texts, joined by " | "; "" if it is not concerned
	}{
		{Names, "a network of its own", Runtime{}, given(verify.Container{Network: "web"}), "no names of other containers (on network web)"},
		{Names, "a name that is not safe to show", Runtime{}, given(verify.Container{Network: "a\x1b"}), `no names of other containers (on "network a\x1b")`},
		{Names, "with others", Runtime{}, Container{Container: verify.Container{Network: "web"}, Peers: strings.Split("a b c d e f g", " ")}, "no names of other containers (on network web: a, b, c, d, e and 2 more)"},
		{Names, "they are kept", Runtime{KeepsNames: true}, given(verify.Container{Network: "web"}), ""},
		{Names, "the default network", Runtime{}, given(verify.Container{}), ""},
		{Names, "the host's network stack", with("--network=host"), given(verify.Container{Network: "web"}), ""},
		{Names, "no network at all", with("--network=none"), given(verify.Container{Network: "web"}), ""},
		{Names, "the last flag counts", with("--network=host", "-network", "sandbox"), given(verify.Container{Network: "web"}), "no names of other containers (on network web)"},

		{HostNetwork, "the host's", Runtime{}, given(verify.Container{HostNamespaces: []string{"network"}}), "no network (--network=host)"},
		{HostNetwork, "another namespace of the host", Runtime{}, given(verify.Container{HostNamespaces: []string{"uts"}}), ""},
		{HostNetwork, "the runtime has it", with("--network=host"), given(verify.Container{HostNamespaces: []string{"network"}}), ""},
		{HostNetwork, "a runtime without a network", with("--network=none"), given(verify.Container{HostNamespaces: []string{"network"}}), "no network (--network=host)"},

		{NoNetwork, "a runtime without a network", with("--network=none"), given(verify.Container{}), "no network"},
		{NoNetwork, "a runtime with a network", Runtime{}, given(verify.Container{}), ""},
		{NoNetwork, "a container without a network", with("--network=none"), given(verify.Container{NoNetwork: true}), ""},
		{NoNetwork, "the host's network has a row of its own", with("--network=none"), given(verify.Container{HostNamespaces: []string{"network"}}), ""},
		{NoNetwork, "another container's has a row of its own", with("--network=none"), joined("network"), ""},

		{JoinedNetwork, "another container's", Runtime{}, joined("network"), "a loopback of its own (--network=container:db)"},
		{JoinedNetwork, "another namespace of it", Runtime{}, joined("pid"), ""},
		{JoinedNetwork, "the host's network stack", with("--network=host"), joined("network"), ""},
		{JoinedNetwork, "with userns-remap it does not start", remapped, joined("network"), ""},
		{JoinedNetwork, "with userns-remap, but ids of the host", remapped, ownIDs, "a loopback of its own (--network=container:db)"},

		{JoinedPID, "another container's", Runtime{}, joined("pid"), "no processes of another container (--pid=container:db)"},
		{JoinedPID, "another namespace of it", Runtime{}, joined("network"), ""},
		{JoinedPID, "with userns-remap it does not start", remapped, joined("pid"), ""},

		{JoinedRemap, "another container's network", remapped, joined("network"), "no way to start (--network=container:db)"},
		{JoinedRemap, "another container's processes", remapped, joined("pid"), "no way to start (--pid=container:db)"},
		{JoinedRemap, "another namespace of it", remapped, joined("ipc"), ""},
		{JoinedRemap, "no userns-remap", Runtime{}, joined("network"), ""},
		{JoinedRemap, "ids of the host", remapped, ownIDs, ""},

		{HostPID, "the host's", Runtime{}, given(verify.Container{HostNamespaces: []string{"pid"}}), "no processes of the host (--pid=host)"},
		{HostPID, "others of the host", Runtime{}, given(verify.Container{HostNamespaces: []string{"network", "ipc"}}), ""},
		{HostIPC, "the host's", Runtime{}, given(verify.Container{HostNamespaces: []string{"ipc"}}), "no semaphores and shared segments of the host (--ipc=host)"},
		{HostIPC, "others of the host", Runtime{}, given(verify.Container{HostNamespaces: []string{"network", "pid"}}), ""},

		{Sockets, "known by its name", Runtime{}, mounting("/run/docker.sock", "/srv/app.sock", "/srv/data"), "no connection to /run/docker.sock | no connection to /srv/app.sock"},
		{Sockets, "mounted twice", Runtime{}, mounting("/run/docker.sock", "/run/docker.sock"), "no connection to /run/docker.sock"},
		{Sockets, "by where a symlink leads", Runtime{}, linked, "no connection to /srv/s"},
		{Sockets, "seen in a directory", Runtime{}, seenSocket, "no connection to /run/app/a | no connection to /run/app/b"},
		{Sockets, "seen to be none", Runtime{}, noSocket, ""},
		{Sockets, "the runtime opens them", with("--host-uds=open"), seenSocket, ""},
		{Sockets, "the runtime opens and makes them", with("--host-uds=all"), seenSocket, ""},
		{Sockets, "the runtime opens them, by an old flag", with("--fsgofer-host-uds"), seenSocket, ""},
		{Sockets, "the runtime only makes them", with("--host-uds=create"), seenSocket, "no connection to /run/app/a | no connection to /run/app/b"},

		{Privileged, "privileged", Runtime{}, given(verify.Container{Privileged: true}), "no devices of the host (--privileged)"},
		{Privileged, "not privileged", Runtime{}, given(verify.Container{CapAdd: []string{"ALL"}}), ""},

		{Devices, "a device", Runtime{}, given(verify.Container{Devices: []verify.HostDevice{{Source: "/dev/sda"}}}), "no device /dev/sda"},
		{Devices, "one that gVisor has", Runtime{}, given(verify.Container{Devices: []verify.HostDevice{{Source: "/dev/fuse"}}}), ""},
		{Devices, "one with a proxy", with("--nvproxy"), given(verify.Container{Devices: []verify.HostDevice{{Source: "/dev/nvidia0"}}}), ""},
		{Devices, "its proxy is off", with("--nvproxy=false"), given(verify.Container{Devices: []verify.HostDevice{{Source: "/dev/nvidia0"}}}), "no device /dev/nvidia0"},
		{Devices, "the proxy of others", with("--tpuproxy"), given(verify.Container{Devices: []verify.HostDevice{{Source: "/dev/nvidia0"}, {Source: "/dev/vfio/1"}}}), "no device /dev/nvidia0"},

		{Devices, "one for which a proxy exists", Runtime{}, given(verify.Container{Devices: []verify.HostDevice{{Source: "/dev/vfio/1"}}}), "no device /dev/vfio/1"},

		{GPUs, "all GPUs", Runtime{}, given(verify.Container{DeviceRequests: []string{"--gpus all"}}), "no devices of --gpus all"},
		{GPUs, "with the proxy", with("--nvproxy=true"), given(verify.Container{DeviceRequests: []string{"--gpus all", "--device=nvidia.com/gpu=0"}}), ""},
		{GPUs, "not NVIDIA's, with the proxy", with("--nvproxy"), given(verify.Container{DeviceRequests: []string{"--device=example.com/card=0"}}), "no devices of --device=example.com/card=0"},
		{GPUs, "none", Runtime{}, given(verify.Container{Devices: []verify.HostDevice{{Source: "/dev/sda"}}}), ""},

		{Sysctls, "some", Runtime{}, given(verify.Container{Sysctls: []string{"net.a", "net.b"}}), "no effect of --sysctl net.a net.b"},
		{Sysctls, "none", Runtime{}, given(verify.Container{}), ""},

		{RawSockets, "asked for", Runtime{}, given(verify.Container{CapAdd: []string{"CAP_NET_RAW"}}), "no raw sockets (--cap-add=CAP_NET_RAW)"},
		{RawSockets, "asked for everything", Runtime{}, given(verify.Container{CapAdd: []string{"all"}}), "no raw sockets (--cap-add=all)"},
		{RawSockets, "asked for something else", Runtime{}, given(verify.Container{CapAdd: []string{"NET_ADMIN"}}), ""},
		{RawSockets, "the runtime has them", with("--net-raw"), given(verify.Container{CapAdd: []string{"NET_RAW"}}), ""},

		{Seccomp, "a profile", Runtime{}, given(verify.Container{SecurityOpt: []string{`seccomp={"defaultAction":"SCMP_ACT_ERRNO"}`}}), "no effect of its seccomp profile"},
		{Seccomp, "a profile, as older clients write it", Runtime{}, given(verify.Container{SecurityOpt: []string{`seccomp:{"defaultAction":"SCMP_ACT_ERRNO"}`}}), "no effect of its seccomp profile"},
		{Seccomp, "none, and something else", Runtime{}, given(verify.Container{SecurityOpt: []string{"seccomp=unconfined", "label=disable"}}), ""},
		{Seccomp, "dockerd's own", Runtime{}, given(verify.Container{SecurityOpt: []string{"seccomp=builtin"}}), ""},
		{Seccomp, "the runtime reads it", with("--oci-seccomp"), given(verify.Container{SecurityOpt: []string{"seccomp={}"}}), ""},

		{Writes, "the runtime loses them", Runtime{}, Container{Bytes: 3 << 20}, "no lasting writes (3.0 MiB written)"},
		{Writes, "nothing is written", Runtime{}, Container{}, ""},
		{Writes, "the runtime keeps them", with(verify.KeepWrites), Container{Bytes: 1}, ""},
		{Writes, "a release that keeps them", Runtime{Path: "/store/20221212.0/runsc"}, Container{Bytes: 1}, ""},

		{Tmp, "files", Runtime{}, Container{HiddenTmp: true}, "no lasting files in /tmp"},
		{Tmp, "no files", Runtime{}, Container{}, ""},

		{Update, "no cgroups", with("--ignore-cgroups"), Container{}, ""},
	}
	concerns, spares := map[Feature]bool{}, map[Feature]bool{}
	for _, tt := range tests {
		var texts []string
		for _, lack := range tt.runtime.Lacks(tt.c) {
			if lack.Feature == tt.feature {
				texts = append(texts, lack.Text)
			}
		}
		concerns[tt.feature] = concerns[tt.feature] || len(texts) > 0
		spares[tt.feature] = spares[tt.feature] || len(texts) == 0
		if got := strings.Join(texts, " | "); got != tt.want {
			t.Errorf("%s, %s: got %q, want %q", tt.feature, tt.situation, got, tt.want)
		}
	}
	for _, row := range Table() {
		if row.Feature != Update && !(concerns[row.Feature] && spares[row.Feature]) {
			t.Errorf("%s: want a container that it concerns, and one that it does not", row.Feature)
		}
	}
}

// docker update concerns every container of a runtime without cgroups, so it is no container's own lack.
func TestUpdate(t *testing.T) {
	if got, want := with("--ignore-cgroups").Lacks(Container{}), []Lack{{Feature: Update}}; !cmp.Equal(got, want) {
		t.Errorf("without cgroups: got %+v, want %+v", got, want)
	}
	if got := with("--ignore-cgroups=false", verify.KeepWrites).Lacks(Container{}); len(got) > 0 {
		t.Errorf("with cgroups: got %+v, want nothing", got)
	}
}

// A plain container, and one with what works as with runc, lack nothing.
func TestNothingDiffers(t *testing.T) {
	for _, c := range []Container{{}, {Bytes: 1 << 30, Container: verify.Container{
		Volumes: []verify.Volume{{Name: "v"}}, MaskedPaths: []string{}, CapAdd: []string{"NET_ADMIN"}, UsernsMode: "host",
		Mounts: []verify.HostMount{{Source: "/srv/data"}}, HostNamespaces: []string{"uts", "cgroupns"}, NoNetwork: true,
	}}} {
		if got := with(verify.KeepWrites).Lacks(c); len(got) > 0 {
			t.Errorf("got %+v, want nothing", got)
		}
	}
}

func TestTheTableIsComplete(t *testing.T) {
	seen := map[Feature]bool{}
	for _, row := range Table() {
		if row.Feature == "" || row.Differs == "" || row.WayOut == "" || row.Source == "" || row.given == nil {
			t.Errorf("%+v: a part is missing", row)
		}
		if seen[row.Feature] {
			t.Errorf("%s: has two rows", row.Feature)
		}
		seen[row.Feature] = true
	}
	if len(seen) != 18 {
		t.Errorf("got %d features, want 18", len(seen))
	}
}

// docs/what-changes.md has a row for each feature, by its name in the JSON.
func TestEachFeatureIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/what-changes.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range Table() {
		if n := strings.Count(string(text), "`"+string(row.Feature)+"`"); n == 0 {
			t.Errorf("docs/what-changes.md does not describe the feature %q", row.Feature)
		}
	}
}
