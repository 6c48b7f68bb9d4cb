package verify

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// graves lists the ways in short form, a grave one with "!" before it.
func graves(c Container, more ...HostPath) []string {
	var list []string
	for _, way := range WaysAround(c, Inside{}, more) {
		mark := ""
		if way.Grave {
			mark = "!"
		}
		list = append(list, mark+way.What)
	}
	return list
}

func TestWaysAround(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Container
		want []string
	}{
		{"none", Container{Runtime: "runsc", MaskedPaths: []string{"/proc/kcore", "/sys/firmware"}, ReadonlyPaths: []string{"/proc/sys", "/proc/sysrq-trigger"}}, nil},
		{"everything at once", Container{Privileged: true, UsernsMode: "host", MaskedPaths: []string{}, SecurityOpt: []string{"label=disable"}}, []string{"!--privileged", "!--userns=host"}},
		{"V04: dockerd adds a label to the host's pid and ipc namespaces", Container{HostNamespaces: []string{"pid"}, SecurityOpt: []string{"label=disable"}}, []string{"!--pid=host"}},
		{"a label of the user's own", Container{HostNamespaces: []string{"ipc"}, SecurityOpt: []string{"label=type:spc_t"}}, []string{"!--ipc=host", "!--security-opt label=type:spc_t"}},
		{"a label without them", Container{HostNamespaces: []string{"network"}, SecurityOpt: []string{"label=disable"}}, []string{"!--network=host", "!--security-opt label=disable"}},
		{"namespaces", Container{HostNamespaces: []string{"pid", "uts"}}, []string{"!--pid=host", "--uts=host"}},
		{"namespaces of another container", Container{Joins: []Join{{"network", "a", ToHost}, {"pid", "b", ToOwn}, {"ipc", "c", ToNothing}}}, []string{"!--network=container:a", "!--ipc=container:c"}},
		{"capabilities", Container{CapAdd: []string{"CAP_SYS_ADMIN", "net_bind_service"}}, []string{"!--cap-add=SYS_ADMIN", "--cap-add=NET_BIND_SERVICE"}},
		{"filters switched off", Container{SecurityOpt: []string{"seccomp=unconfined", "no-new-privileges", "apparmor:unconfined", "label=type:spc_t", "label:disable", "label=type:container_t"}},
			[]string{"!--security-opt seccomp=unconfined", "!--security-opt apparmor:unconfined", "!--security-opt label=type:spc_t", "!--security-opt label:disable"}},
		{"a profile that allows", Container{SecurityOpt: []string{`seccomp={"defaultAction":"SCMP_ACT_ALLOW"}`}}, []string{"!--security-opt seccomp=PROFILE"}},
		{"a profile that logs", Container{SecurityOpt: []string{`seccomp:{"defaultAction":"SCMP_ACT_LOG"}`}}, []string{"!--security-opt seccomp=PROFILE"}},
		{"a custom profile", Container{SecurityOpt: []string{`seccomp={"defaultAction":"SCMP_ACT_ERRNO"}`, "seccomp=builtin"}}, []string{"--security-opt seccomp=PROFILE"}},
		{"a profile that does not parse", Container{SecurityOpt: []string{`seccomp={`}}, []string{"!--security-opt seccomp=PROFILE"}},
		{"writable cgroups", Container{SecurityOpt: []string{"writable-cgroups=true", "writable-cgroups=false"}}, []string{"--security-opt writable-cgroups=true"}},
		{"nothing masked", Container{MaskedPaths: []string{}, ReadonlyPaths: []string{}}, []string{"!--security-opt systempaths=unconfined"}},
		{"only one path masked", Container{MaskedPaths: []string{"/proc/acpi"}}, []string{"!--security-opt systempaths=unconfined"}},
		{"writable settings", Container{ReadonlyPaths: []string{"/proc/sys"}}, []string{"!--security-opt systempaths=unconfined"}},
		{"devices", Container{Devices: []HostDevice{{"/dev/sda", "/dev/x"}, {"/dev/null", "/dev/null"}}, DeviceRules: []string{"a *:* rwm"}, DeviceRequests: []string{"--gpus all"}},
			[]string{"!--device=/dev/sda", "--device=/dev/null", "!--device-cgroup-rule=a *:* rwm", "!--gpus all"}},
		{"a symlink", Container{Mounts: []HostMount{{"/srv/s", "/s", false, "/run/docker.sock"}, {"/srv/all", "/h", true, "/"}, {"/srv/d", "/d", true, "/data"}}},
			[]string{"!-v /srv/s:/s:ro", "!-v /srv/all:/h", "-v /srv/d:/d"}},
		{"V09: text from outside", Container{Mounts: []HostMount{{"/srv/\x1b", "/s", true, ""}}}, []string{`-v "/srv/\x1b":/s`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, graves(tt.c)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, way := range WaysAround(tt.c, Inside{}, nil) {
				if way.Gives == "" {
					t.Errorf("%s gives nothing", way.What)
				}
			}
		})
	}
}

// What a path gives, writable and read-only.
func TestPathsOfTheHost(t *testing.T) {
	here := []HostPath{{Path: "/srv/docker/0.0", Gives: "x", Secret: true}, {Path: "/var/lib/runsc-provisioner", Gives: "y", Secret: true}, {Path: "/srv/etc", Gives: "z"}}
	const no, write, read = "no", "write", "write, read"
	for source, want := range map[string]string{
		"/": read, "/var/run/docker.sock": read, "/srv/x/../y/docker.sock": read, "/run": read, "/var": read, "/var/run/dbus/x": read, "/proc/sys": read, "/dev/kvm": read, "/sys": read,
		"/var/lib/kubelet/pods": read, "/var/snap/docker/common": read, "/etc/shadow": read, "/etc/shadow-": read, "/etc/gshadow": read, "/etc/ssh": read, "/etc/ssh/ssh_host_rsa_key": read,
		"/etc/docker/key.json": read, "/etc/ssl/private": read, "/etc/ssl": read, "/etc/kubernetes/pki": read, "/etc": read, "/root/x": read,
		"/home": read, "/home/bob": read, "/home/bob/": read, "/home/bob/.ssh": read, "/home/bob/.ssh/id_rsa": read, "/home/bob/site": no, "/home/bob/site/.git": no,
		"/srv/docker": read, "/srv/docker/0.0/volumes": read, "/srv/docker/1": no, "/srv": read, "/var/lib/runsc-provisioner/backup": read, "/srv/etc/a": write,
		"/usr": write, "/usr/local/lib/gvisor": write, "/boot": write, "/bin": write, "/sbin": write, "/lib": write, "/lib/modules": write, "/lib64": write, "/etc/nginx": write, "/var/spool/cron": write,
		"/opt": write, "/opt/app": no, "/snap": write, "/data": no, "/runner": no, "/etcetera": no, "/etc/localtime": no, "/etc/ssl/certs": write, "/etc/resolv.conf": write, "/var/lib/dpkg/info": write, "/var/lib/etcd": read, "/dev/shm/x": no, "/dev/log": no, "/dev/sda": read, "/dev/null": no, "/mnt": no,
	} {
		got := []string{}
		if gives, grave := accessGives(source, true, here); grave {
			got = append(got, write)
			if gives == "" {
				t.Errorf("%s gives nothing", source)
			}
		}
		if _, grave := accessGives(source, false, here); grave {
			got = append(got, "read")
		}
		if got := strings.Join(append(got, no)[:max(len(got), 1)], ", "); got != want {
			t.Errorf("%s is grave to %s, want %s", source, got, want)
		}
	}
}

func TestVolumesThatLeadToTheHost(t *testing.T) {
	volume := func(options ...string) Volume {
		v := Volume{Name: "v", Destination: "/d", Writable: true, Options: map[string]string{}}
		for i := 0; i < len(options); i += 2 {
			v.Options[options[i]] = options[i+1]
		}
		return v
	}
	linked := volume("type", "none", "o", "bind", "device", "/srv/x")
	linked.Resolved = "/"
	for _, tt := range []struct {
		name string
		v    Volume
		want []string
	}{
		{"without options", volume(), nil},
		{"all of the host", volume("type", "none", "o", "bind", "device", "/"), []string{"!-v v:/d, which is /"}},
		{"a directory with its submounts", volume("o", "rbind,ro", "device", "/usr"), []string{"-v v:/d, which is /usr"}},
		{"writable", volume("o", "bind", "device", "/usr"), []string{"!-v v:/d, which is /usr"}},
		{"a symlink", linked, []string{"!-v v:/d, which is /srv/x"}},
		{"data", volume("o", "bind", "device", "/srv/data"), []string{"-v v:/d, which is /srv/data"}},
		{"the directory of dockerd", volume("type", "none", "o", "bind", "device", "."), []string{"!-v v:/d, which is /"}},
		{"below that", volume("o", "bind", "device", "./etc/../root"), []string{"!-v v:/d, which is /root"}},
		{"no device", volume("o", "bind"), nil},
		{"a disk", volume("type", "ext4", "device", "/dev/sda1"), []string{"!-v v:/d, which is /dev/sda1 of type ext4"}},
		{"a file system of the kernel", volume("type", "debugfs", "device", "debugfs"), []string{"!-v v:/d, which is debugfs of type debugfs"}},
		{"memory", volume("type", "tmpfs", "device", "tmpfs", "o", "size=1m"), nil},
		{"on another host", volume("type", "nfs", "device", ":/x", "o", "addr=10.0.0.1"), nil},
		{"an overlay", volume("type", "overlay", "device", "overlay", "o", "lowerdir=/srv/a:/etc,upperdir=/usr/x,workdir=/srv/w"),
			[]string{"-v v:/d, which is /srv/a", "!-v v:/d, which is /etc", "!-v v:/d, which is /usr/x", "-v v:/d, which is /srv/w"}},
		{"options unreadable", Volume{Name: "v", Destination: "/d", Unread: errors.New("too large")}, []string{"!-v v:/d:ro"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, graves(Container{Volumes: []Volume{tt.v}})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A directory that is mounted once as a bind and once as a mount, for one.
func TestWaysAround_ListsEachWayOnce(t *testing.T) {
	mount := HostMount{Source: "/srv", Destination: "/srv", Writable: true}
	got := WaysAround(Container{CapAdd: []string{"SYS_ADMIN", "cap_sys_admin"}, Mounts: []HostMount{mount, mount}}, Inside{}, nil)
	if len(got) != 2 {
		t.Errorf("got %+v, want the capability and the mount, each once", got)
	}
}
