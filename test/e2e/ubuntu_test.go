package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/test/lab"
)

// These tests run what is special about Docker on Ubuntu on a Debian host, with the files
// and units that an Ubuntu host has. Not here: Ubuntu's own kernel with AppArmor (a unit
// test of doctor has its sysctls as files), snapd, and the packages of docker.com.

// dockerCE is the unit of docker.com's package docker-ce. OOMScoreAdjust=-500 is missing:
// the lab lacks the capability for it. /usr/bin/dockerd is Debian's dockerd.
func dockerCE() map[string]lab.File {
	return map[string]lab.File{
		"/usr/bin/dockerd": {Mode: 0o755, Content: "#!/bin/bash\nexec -a /usr/bin/dockerd /usr/sbin/dockerd \"$@\"\n"},
		"/usr/lib/systemd/system/docker.service": {Content: `[Unit]
Description=Docker Application Container Engine
Documentation=https://docs.docker.com
After=network-online.target nss-lookup.target docker.socket firewalld.service containerd.service time-set.target
Wants=network-online.target containerd.service
Requires=docker.socket
StartLimitBurst=3
StartLimitIntervalSec=60

[Service]
Type=notify
ExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock
ExecReload=/bin/kill -s HUP $MAINPID
TimeoutStartSec=0
RestartSec=2
Restart=always
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
Delegate=yes
KillMode=process

[Install]
WantedBy=multi-user.target
`},
	}
}

// restartWith replaces the users' drop-in of docker.service and starts Docker again, with
// docker.socket on its path.
func (h host) restartWith(lines ...string) {
	h.t.Helper()
	text := "[Service]\\n" + strings.Join(lines, "\\n") + "\\n"
	h.run("mkdir -p /etc/systemd/system/docker.service.d; printf '" + text + "' > /etc/systemd/system/docker.service.d/override.conf; " +
		"systemctl daemon-reload; systemctl stop docker.service; systemctl restart docker.socket; systemctl reset-failed docker.service; systemctl start docker.service")
}

func TestUbuntu_DockerCE(t *testing.T) {
	h := boot(t, lab.Options{Files: dockerCE()})
	dockerd := func(flags string) {
		t.Helper()
		if got := h.run("tr '\\0' ' ' < /proc/$(systemctl show -P MainPID docker)/cmdline"); strings.TrimSpace(got) != "/usr/bin/dockerd "+flags {
			t.Fatalf("got %q, want /usr/bin/dockerd %s", got, flags)
		}
	}
	converged := func() {
		t.Helper()
		says(t, h.exit(0, "runsc-provisioner plan --detailed-exitcode"), "nothing to do")
		if v := h.verify(0); v.Status != "ok" {
			t.Errorf("got %+v, want ok", v)
		}
	}
	const fromUnit = "-H fd:// --containerd=/run/containerd/containerd.sock"
	dockerd(fromUnit)
	h.run("rm -r /etc/docker") // docker-ce has none
	h.run("runsc-provisioner doctor; runsc-provisioner apply --default-runtime")
	h.bornOfRoot(h.run("docker run -d " + lab.Image + " sleep 1000"))
	converged()

	// A restart for userns-remap, within docker-ce's start limit.
	h.run("runsc-provisioner apply --userns-remap --allow-restart --allow-hidden-data --migrate-images")
	h.bornOfRoot(h.run("docker run -d " + lab.Image + " sleep 1000"))
	converged()

	// Users' drop-ins: a proxy, and flags from a file beside the unit's.
	h.run("printf 'DOCKER_OPTS=\"-H tcp://127.0.0.1:2375 --tls=false\"\\n' > /etc/default/docker-ce")
	h.restartWith("Environment=HTTP_PROXY=http://proxy.lab:3128 NO_PROXY=localhost", "EnvironmentFile=-/etc/default/docker-ce",
		"ExecStart=", "ExecStart=/usr/bin/dockerd -H unix:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS")
	dockerd("-H unix:// --containerd=/run/containerd/containerd.sock -H tcp://127.0.0.1:2375 --tls=false")
	converged()

	// hosts in daemon.json beside -H: dockerd would not start again.
	add := func(option string) string { return "sed -i '1s|{|{ " + option + ",|' " + daemonJSON }
	h.run("cp " + daemonJSON + " /root/without; " + add(`"hosts": ["unix:///run/docker.sock"]`))
	before := h.snapshot()
	for _, command := range []string{"plan", "apply"} {
		says(t, h.exit(78, "runsc-provisioner "+command), "hosts", "--host=tcp://127.0.0.1:2375", "hint: ")
	}
	// Without root, dockerd --validate is not asked.
	says(t, h.exit(78, asMember+"runsc-provisioner plan"), "--host=tcp://127.0.0.1:2375")
	if line, remedy := h.doctor(2, "", "daemon.json"); !strings.HasPrefix(line, "daemon.json critical") || remedy == "" {
		t.Errorf("got %q, %q, want a conflict and a remedy", line, remedy)
	}
	h.untouched(before)

	// The way out: a drop-in clears -H. dockerd then listens on another socket, while
	// docker.socket still accepts connections on the usual one.
	h.run("cp /root/without " + daemonJSON + "; " + add(`"tls": false, "hosts": ["tcp://127.0.0.1:2375", "unix:///run/docker-ce.sock"]`))
	h.restartWith("ExecStart=", "ExecStart=/usr/bin/dockerd --containerd=/run/containerd/containerd.sock")
	dockerd("--containerd=/run/containerd/containerd.sock")
	converged()
	h.run("rm " + link + "; runsc-provisioner apply")
	converged()

	// No unix socket at all: docker.socket accepts, and nothing would answer.
	h.run("sed -i 's|, \"unix:///run/docker-ce.sock\"||' " + daemonJSON)
	h.restartWith("ExecStart=", "ExecStart=/usr/bin/dockerd --containerd=/run/containerd/containerd.sock")
	before = h.snapshot()
	for _, command := range []string{"plan", "apply"} {
		says(t, h.exit(69, "runsc-provisioner "+command), "no unix socket", "tcp://127.0.0.1:2375", "hint: ")
	}
	h.untouched(before)
	if line, remedy := h.doctor(2, "", "docker API"); !strings.Contains(line, "no unix socket") || remedy == "" {
		t.Errorf("got %q, %q, want the API out of reach, and a remedy", line, remedy)
	}
}

// bornOfRoot checks that root, in the user namespace of dockerd, made the user namespaces of
// a sandbox: Ubuntu's AppArmor restricts only those of processes without CAP_SYS_ADMIN.
func (h host) bornOfRoot(container string) {
	h.t.Helper()
	// ioctl_ns(2)
	const getParent, getOwnerUID = 0xb702, 0xb704
	dockerds, err := os.Readlink("/proc/self/ns/user") // the lab makes none
	if err != nil {
		h.t.Fatal(err)
	}
	seen := map[string]bool{}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, path := range lines {
		line, err := os.ReadFile(path)
		argv := bytes.Split(line, []byte{0})
		name := string(argv[0])
		if err != nil || !slices.Contains([]string{"runsc-sandbox", "runsc-gofer"}, name) || !bytes.Contains(line, []byte(container)) {
			continue // another process, or one that has just ended
		}
		own, err := os.Open(filepath.Join(filepath.Dir(path), "ns/user"))
		if err != nil {
			h.t.Fatal(err)
		}
		defer own.Close()
		uid, err := unix.IoctlGetUint32(int(own.Fd()), getOwnerUID)
		if err != nil {
			h.t.Fatal(err)
		}
		fd, err := unix.IoctlRetInt(int(own.Fd()), getParent)
		if err != nil {
			h.t.Fatal(err)
		}
		parent := os.NewFile(uintptr(fd), "parent")
		defer parent.Close()
		target, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		if err != nil {
			h.t.Fatal(err)
		}
		if uid != 0 || target != dockerds {
			h.t.Errorf("%s: got a user namespace of uid %d in %s, want root's in %s", name, uid, target, dockerds)
		}
		seen[name] = true
	}
	if len(seen) != 2 {
		h.t.Errorf("got %v of container %s, want its sandbox and its gofer", seen, container)
	}
}

// snapDocker is a stand-in for the unit that snapd makes for the snap: Debian's dockerd with
// the paths of the snap. Without -H, it takes /run/docker.sock.
const snapDocker = `[Unit]
Description=Service for snap application docker.dockerd (a stand-in)
After=containerd.service

[Service]
ExecStart=/usr/sbin/dockerd --exec-root=/run/snap.docker --data-root=/var/snap/docker/common/var-lib-docker --pidfile=/run/snap.docker/docker.pid --config-file=/var/snap/docker/current/config/daemon.json --containerd=/run/containerd/containerd.sock --containerd-namespace=snap --containerd-plugins-namespace=snap-plugins --storage-driver=vfs --bridge=none --iptables=false --ip6tables=false
Restart=on-failure
`

func TestUbuntu_SnapBesideDeb(t *testing.T) {
	const unit = "/etc/systemd/system/snap.docker.dockerd.service"
	const snap = "snap.docker.dockerd.service"
	h := boot(t, lab.Options{Files: map[string]lab.File{
		unit: {Content: snapDocker}, "/var/snap/docker/current/config/daemon.json": {Content: "{}\n"},
	}})
	answers := func(root string) {
		t.Helper()
		h.run("until docker info -f '{{.DockerRootDir}}' 2>/dev/null | grep -qx " + root + "; do sleep 0.1; done")
	}
	refused := func(situation string) {
		t.Helper()
		before := h.snapshot()
		for _, command := range []string{"plan", "apply"} {
			says(t, h.exit(69, "runsc-provisioner "+command), "snap", "hint: `sudo snap disable docker`")
		}
		h.exit(3, "runsc-provisioner verify")
		h.untouched(before)
		for _, item := range []string{"docker API", "docker.service"} {
			if line, remedy := h.doctor(2, "", item); strings.HasPrefix(line, item+" critical") && strings.Contains(line, "snap") && strings.Contains(remedy, "snap disable docker") {
				return
			}
		}
		t.Errorf("%s: doctor does not blame the snap", situation)
	}
	h.run("runsc-provisioner apply --default-runtime")

	h.run("systemctl start " + snap)
	answers("/var/snap/docker/common/var-lib-docker")
	refused("the snap has taken the socket")

	h.run("systemctl restart docker.socket docker.service")
	answers("/var/lib/docker")
	says(t, h.exit(0, "runsc-provisioner plan --detailed-exitcode"), "nothing to do", "note: Docker also runs as a snap")
	says(t, h.exit(0, "runsc-provisioner verify"), "note: Docker also runs as a snap")
	if line, _ := h.doctor(1, "", "docker snap"); !strings.HasPrefix(line, "docker snap warning") {
		t.Errorf("got %q, want a warning of the snap", line)
	}

	h.run("systemctl stop docker.socket docker.service")
	refused("docker.service is stopped")
	h.run("systemctl mask docker.service")
	refused("docker.service is masked")
	h.run("systemctl unmask docker.service; mv /usr/lib/systemd/system/docker.service /root/; rm -f /etc/init.d/docker; systemctl daemon-reload")
	refused("the snap alone")
	h.run("mv /root/docker.service /usr/lib/systemd/system/; systemctl stop " + snap + "; systemctl daemon-reload; systemctl start docker.socket docker.service")
	says(t, h.exit(0, "runsc-provisioner plan --detailed-exitcode"), "nothing to do")
}
