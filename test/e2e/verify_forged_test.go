package e2e

import (
	"fmt"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// seenOf is what verify prints with these flags; it must exit with code.
func (h host) seenOf(code int, flags string) verification {
	h.t.Helper()
	return parse(h.t, h.exit(code, "runsc-provisioner verify --format json "+flags).Stdout)
}

func (v verification) codes() string {
	var codes []string
	for _, f := range v.Findings {
		codes = append(codes, f.Code)
	}
	return strings.Join(codes, " ")
}

// A user who is not root cannot spoil the verdict on a sandbox, hide a container, or make the host unknown.
func TestFault_V01_NoUserSpoilsAVerdict(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime && useradd -m bob")
	h.run("docker run -d --name good " + lab.Image + " sleep 9000")
	id := h.run("docker inspect -f '{{.Id}}' good")
	podman := strings.Repeat("ab", 32)
	good := func(v verification, what string) {
		t.Helper()
		if state, release := v.container(t, "good"); state != "sandboxed" || release != newer {
			t.Errorf("%s: good is %s of %q\n%+v", what, state, release, v.Findings)
		}
	}
	// Like every user who logs in, bob gets a cgroup, and may name the cgroups below it.
	delegated := func(unit, below string) {
		t.Helper()
		h.run(fmt.Sprintf(`systemd-run -q --uid=bob -p Delegate=yes --unit=%s bash -c '
D=/sys/fs/cgroup/system.slice/%[1]s.service/%s; mkdir -p $D && echo $BASHPID > $D/cgroup.procs && exec sleep 900'
for i in $(seq 600); do grep -q %[2]s /proc/$(systemctl show %[1]s -p MainPID --value)/cgroup && exit 0; sleep 0.1; done; exit 1`, unit, below))
	}

	forger := "su bob -c \"mkfifo /tmp/%[1]s; nohup bash -c 'exec -a runsc-gofer " + store + "/" + newer + "/runsc --log=/tmp/%[1]s list " + id + "' >/dev/null 2>&1 &\"; " +
		"for i in $(seq 600); do pgrep -u bob -f 'runsc-gofer.*%[1]s' && exit 0; sleep 0.1; done; exit 1"
	h.run(fmt.Sprintf(forger, "one"))
	good(h.seenOf(0, ""), "a gofer of bob's, and no cgroup of its own")

	h.run(`G=/sys/fs/cgroup/system.slice/docker-` + id + `.scope; mkdir $G; for p in $(pgrep -f "runsc-(sandbox|gofer)" -u root); do echo $p > $G/cgroup.procs; done`)
	good(h.seenOf(0, ""), "in a cgroup of its own")
	delegated("bobs", "docker-"+id+".scope")
	v := h.seenOf(1, "")
	good(v, "bob's cgroup has its name")
	if v.codes() != "other-container" {
		t.Errorf("bob's cgroup has its name: got %q, want the other container", v.codes())
	}
	h.exit(2, "runsc-provisioner verify --expect all")
	h.run("systemctl stop bobs")
	h.exit(0, "runsc-provisioner verify --expect all")

	delegated("bobs2", "docker-"+id+".scope/libpod-"+podman+".scope")
	v = h.seenOf(2, "--expect all")
	good(v, "a container below a cgroup of its name")
	if len(v.Others) != 1 || v.Others[0].ID != podman {
		t.Errorf("a container below a cgroup of its name: got %+v", v.Others)
	}
	h.run(fmt.Sprintf(strings.ReplaceAll(forger, "runsc-gofer", "runsc"), "two") + " && echo $(pgrep -u bob -f two | tail -n1) > /sys/fs/cgroup/system.slice/bobs2.service/docker-" + id + ".scope/libpod-" + podman + ".scope/cgroup.procs || true")
	h.exit(2, "runsc-provisioner verify --expect all")
	h.run("systemctl stop bobs2; pkill -u bob || true")

	// Very large files, deleted below the store's path in a container.
	h.run(`docker run -d --name big --runtime=runc ` + lab.Image + ` sh -c 'for i in $(seq 10); do D=` + store + `/$i; mkdir -p $D; cp /bin/busybox $D/sleep; truncate -s 500M $D/sleep; $D/sleep 9000 & done; sleep 1; rm -r ` + store + `; echo ready; sleep 9000'
for i in $(seq 600); do docker logs big | grep -q ready && exit 0; sleep 0.1; done; exit 1`)
	v = h.seenOf(1, "")
	good(v, "deleted files below the store's path")
	if v.codes() != "container-outside" {
		t.Errorf("deleted files below the store's path: got %q, want the container outside alone", v.codes())
	}
	h.run("docker rm -f big")
	h.exit(0, "runsc-provisioner verify --expect all")

	// A container that ends and starts again and again is never missed.
	h.run("docker run -d --name flapping --runtime=runc --restart=always " + lab.Image + " sh -c 'exit 0'")
	for range 10 {
		v = h.seenOf(2, "--expect all")
		good(v, "one that flaps")
		if state, _ := v.container(t, "flapping"); state != "not sandboxed" {
			t.Errorf("one that flaps is %s: %+v", state, v.Findings)
		}
	}
	h.run("docker rm -f flapping")

	// A cgroup with a path that is longer than the limit for paths.
	h.run(`systemd-run -q --uid=bob -p Delegate=yes --unit=deep perl -MPOSIX -e '
chdir "/sys/fs/cgroup/system.slice/deep.service" or die; for (1..18) { mkdir "a" x 250 or die; chdir "a" x 250 or die }
open F, ">cgroup.procs" or die; print F getpid(); close F or die; sleep 900'
for i in $(seq 600); do P=/proc/$(systemctl show deep -p MainPID --value); test -d $P && { ! cat $P/cgroup >/dev/null 2>&1 || test $(wc -c <$P/cgroup) -gt 4000; } && exit 0; sleep 0.1; done; exit 1`)
	good(h.seenOf(0, "--expect all"), "a cgroup too deep to be named")
}

// With live-restore, containers keep running without dockerd, and do not count as orphans.
func TestFault_E02_ContainersWhileDockerIsDown(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{daemonJSON: {Content: `{"live-restore": true}` + "\n"}}})
	h.run("runsc-provisioner apply --default-runtime && docker run -d --name web " + lab.Image + " sleep 9000 && docker run -d --name old --runtime=runc " + lab.Image + " sleep 9000")
	h.exit(1, "runsc-provisioner verify --expect web")
	h.run("systemctl stop docker.socket docker.service")
	for _, flags := range []string{"", "--expect web", "--explain web"} {
		r := h.exit(3, "runsc-provisioner verify "+flags)
		if strings.Contains(r.Stdout, "kill") || strings.Contains(r.Stdout, "no container is running") {
			t.Errorf("%s: got\n%s", flags, r.Stdout)
		}
	}
	if line := h.exit(3, "runsc-provisioner verify --format plugin").Stdout; !strings.HasPrefix(line, "RUNSC UNKNOWN") || !strings.Contains(line, "sandboxed=U;") {
		t.Errorf("got %s", line)
	}
	if v := h.seenOf(3, ""); len(v.Unowned) != 1 || len(v.Orphans) != 0 {
		t.Errorf("got %d unowned and %d orphans, want 1 and 0", len(v.Unowned), len(v.Orphans))
	}
	h.run("systemctl start docker")
	h.exit(1, "runsc-provisioner verify --expect web")

	// dockerd hangs: the answer comes in time anyway.
	h.run("kill -STOP $(systemctl show docker -p MainPID --value)")
	line := h.exit(3, "runsc-provisioner verify --format plugin --timeout 2s").Stdout
	h.run("kill -CONT $(systemctl show docker -p MainPID --value)")
	if !strings.HasPrefix(line, "RUNSC UNKNOWN - ") || !strings.Contains(line, "no answer within 2s") || !strings.Contains(line, "systemctl status docker.service") {
		t.Errorf("got %s", line)
	}
}

// A sandbox with the host's network is weaker, but still a sandbox.
func TestSandboxWithTheHostsNetwork(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime --runtime-arg=--ignore-cgroups --runtime-arg=--network=host")
	h.run("docker run -d --name web " + lab.Image + " sleep 9000")
	explained := h.exit(0, "runsc-provisioner verify --explain web").Stdout
	for _, want := range []string{"is sandboxed, in release " + newer, "namespaces: limited", "weakened by --network=host"} {
		if !strings.Contains(explained, want) {
			t.Errorf("got\n%s\nwant %q in it", explained, want)
		}
	}
	h.exit(2, "runsc-provisioner verify --fail-on weakening")
}
