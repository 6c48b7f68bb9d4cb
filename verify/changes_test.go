package verify

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatAContainerLacksInASandbox(t *testing.T) {
	sock := Container{Mounts: []HostMount{{Source: "/srv/s", Destination: "/s", Resolved: "/run/docker.sock"}, {Source: "/srv/app.sock", Destination: "/a"}, {Source: "/srv/data", Destination: "/d"}}}
	gpu := Container{Devices: []HostDevice{{"/dev/nvidia0", "/dev/nvidia0"}, {"/dev/fuse", "/dev/fuse"}, {"/dev/sda", "/dev/sda"}}, DeviceRequests: []string{"--gpus all"}}
	for _, tt := range []struct {
		name string
		c    Container
		args []string
		want []string
	}{
		{"nothing", Container{MaskedPaths: []string{}, CapAdd: []string{"NET_ADMIN"}, Volumes: []Volume{{Name: "v"}}}, nil, nil},
		{"the host's network", Container{HostNamespaces: []string{"network", "uts"}}, nil, []string{"no network (--network=host)"}},
		{"the host's network, which the runtime has too", Container{HostNamespaces: []string{"network"}}, []string{"--network=host"}, nil},
		{"a network with names", Container{Network: "web"}, nil, []string{"no names of other containers (on network web)"}},
		{"V09: a network's name", Container{Network: "a\x1b"}, nil, []string{`no names of other containers (on network "a\x1b")`}},
		{"namespaces", Container{HostNamespaces: []string{"pid", "ipc"}}, nil, []string{"no processes of the host (--pid=host)", "no semaphores and shared segments of the host (--ipc=host)"}},
		{"of another container", Container{Joins: []Join{{"network", "a", ToOwn}, {"pid", "b", ToOwn}}}, nil,
			[]string{"a loopback of its own (--network=container:a)", "no processes of container b (--pid)"}},
		{"sockets", sock, nil, []string{"no connection to /srv/s", "no connection to /srv/app.sock"}},
		{"sockets that the runtime lets through", sock, []string{"--host-uds=open"}, nil},
		{"devices", gpu, nil, []string{"no device /dev/nvidia0", "no device /dev/sda", "no devices of --gpus all"}},
		{"devices with a proxy", gpu, []string{"--nvproxy"}, []string{"no device /dev/sda"}},
		{"everything at once", Container{Privileged: true, Sysctls: []string{"net.ipv4.ip_forward"}}, nil, []string{"no devices of the host (--privileged)", "no effect of --sysctl"}},
	} {
		if diff := cmp.Diff(tt.want, Changes(tt.c, tt.args)); diff != "" {
			t.Errorf("%s, -want +got:\n%s", tt.name, diff)
		}
	}
}
