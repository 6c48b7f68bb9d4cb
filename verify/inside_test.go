package verify

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a container was given, and what of it is grave outside a sandbox, in one, and in one that lets everything
// through.
func TestWaysAroundInsideASandbox(t *testing.T) {
	sandbox, open := Inside{Sandbox: true}, Inside{Sandbox: true, HostNetwork: true, HostSockets: true, HostDevices: true}
	socket := func(path string) Container {
		return Container{Mounts: []HostMount{{Source: path, Destination: "/s", Writable: true}}}
	}
	api := []HostPath{{Path: "/srv/api.sock", Gives: "the API", Secret: true, Socket: true}}
	for _, tt := range []struct {
		name                     string
		c                        Container
		outside, inside, through bool
	}{
		{"--privileged", Container{Privileged: true, SecurityOpt: []string{"label=disable"}}, true, false, true},
		{"--network=host", Container{HostNamespaces: []string{"network"}}, true, false, true},
		{"--pid=host", Container{HostNamespaces: []string{"pid"}, SecurityOpt: []string{"label=disable"}}, true, false, false},
		{"--ipc=host", Container{HostNamespaces: []string{"ipc"}, SecurityOpt: []string{"label=disable"}}, true, true, true},
		{"the namespaces of a container with the host's", Container{Joins: []Join{{"network", "a", ToHost}, {"pid", "b", ToNothing}}}, true, false, true},
		{"a capability", Container{CapAdd: []string{"SYS_ADMIN"}}, true, false, false},
		{"no filter", Container{SecurityOpt: []string{"seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"}}, true, false, false},
		{"a device", Container{Devices: []HostDevice{{"/dev/sda", "/dev/sda"}}, DeviceRules: []string{"a *:* rwm"}}, true, false, true},
		{"a device that gVisor passes on", Container{Devices: []HostDevice{{"/dev/nvidiactl", "/dev/nvidiactl"}}}, true, true, true},
		{"GPUs", Container{DeviceRequests: []string{"--gpus all"}}, true, true, true},
		{"docker.sock", socket("/run/docker.sock"), true, false, true},
		{"the API elsewhere", socket("/srv/api.sock"), true, false, true},
		{"the system bus", socket("/run/dbus/system_bus_socket"), true, false, true},
		{"a symlink to docker.sock", Container{Mounts: []HostMount{{"/srv/s", "/s", true, "/run/docker.sock"}}}, true, false, true},
		{"docker.sock that is a symlink to a secret", Container{Mounts: []HostMount{{"/srv/docker.sock", "/s", true, "/etc/shadow"}}}, true, true, true},
		{"all sockets and other files", socket("/run"), true, true, true},
		{"everything", socket("/"), true, true, true},
		{"a secret", socket("/etc/shadow"), true, true, true},
		{"devices among files", socket("/dev"), true, true, true},
		{"a device among files", socket("/dev/sda"), true, false, true},
		{"a volume", Container{Volumes: []Volume{{Name: "v", Options: map[string]string{"o": "bind", "device": "/run/docker.sock"}}}}, true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, one := range []struct {
				in   Inside
				want bool
			}{{Inside{}, tt.outside}, {sandbox, tt.inside}, {open, tt.through}} {
				grave := false
				ways := WaysAround(tt.c, one.in, api)
				for _, way := range ways {
					grave = grave || way.Grave
					if way.Gives == "" {
						t.Errorf("%s gives no text", way.What)
					}
				}
				if grave != one.want || len(ways) == 0 {
					t.Errorf("in %+v: got %+v, want grave %t", one.in, ways, one.want)
				}
			}
		})
	}
}

func TestWhatASandboxLetsThrough(t *testing.T) {
	sandbox := func(flags ...string) Evidence {
		return Evidence{Process: Process{Argv: append(append([]string{"runsc-sandbox"}, flags...), "boot", "--network=host", "0a")}}
	}
	gofer := sandbox("--root=/x")
	gofer.Gofers = []Gofer{{Process: Process{Argv: []string{"runsc-gofer", "--host-uds=all", "gofer"}}}}
	long := sandbox()
	long.Process.ArgvCut = true
	for name, tt := range map[string]struct {
		state State
		e     Evidence
		want  Inside
	}{
		"nothing":               {Sandboxed, sandbox("--network=sandbox", "--host-uds=none"), Inside{Sandbox: true}},
		"the last value counts": {Sandboxed, sandbox("--network=host", "--network=none"), Inside{Sandbox: true}},
		"everything":            {Sandboxed, sandbox("--network=host", "--host-uds=open", "--character-device-policy=all"), Inside{true, true, true, true}},
		"by an old flag":        {Sandboxed, sandbox("--fsgofer-host-uds"), Inside{Sandbox: true, HostSockets: true}},
		"by the gofer":          {Sandboxed, gofer, Inside{Sandbox: true, HostSockets: true}},
		"outside":               {NotSandboxed, sandbox(), Inside{}},
		"not known to be one":   {Unknown, sandbox(), Inside{}},
		"not read whole":        {Sandboxed, long, Inside{}},
	} {
		if diff := cmp.Diff(tt.want, InsideOf(Verdict{State: tt.state}, tt.e)); diff != "" {
			t.Errorf("%s, -want +got:\n%s", name, diff)
		}
	}
}
