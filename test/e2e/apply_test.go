package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

func TestApplyOnAHostWithoutGVisor(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		pid := h.run("systemctl show -p MainPID docker")
		h.run("runsc-provisioner apply --default-runtime")
		if got := h.run("docker run --rm " + lab.Image + " uname -r"); !strings.Contains(got, "gvisor") {
			t.Errorf("kernel inside a container without --runtime: got %q, want gVisor's", got)
		}
		if got := h.run("systemctl show -p MainPID docker"); got != pid {
			t.Errorf("dockerd: got %s, want the process from before, %s", got, pid)
		}
		if got, want := h.run("readlink "+link), store+"/"+newer+"/runsc"; got != want {
			t.Errorf("link: got %s, want %s", got, want)
		}
		h.run("docker run -d --name box " + lab.Image + " sleep 600")
		if state, release := h.verify(0).container(t, "box"); state != "sandboxed" || release != newer {
			t.Errorf("verify: got %s, %s, want sandboxed, %s", state, release, newer)
		}

		before := h.snapshot()
		if got := h.run("runsc-provisioner apply"); !strings.Contains(got, "nothing to do") {
			t.Errorf("second apply: got %q", got)
		}
		h.untouched(before)
	})
}

func TestFault_J11_ConvergedApplyNeedsNoNetwork(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime")
	if err := h.StopReleases(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := h.snapshot()
	h.run("runsc-provisioner apply")
	h.untouched(before)
}

// The text has everything that a rewrite through a map would lose.
const handFormatted = "{\r\n" +
	"\t\"max-download-attempts\" :  9007199254740993,\r\n" +
	"\t\"log-opts\": { \"max-size\":\"10m\",\t\"tag\":\"<&>\" },\r\n" +
	"\t\"debug\":   false,\r\n" +
	"\t\"labels\": [\"b=1\",   \"a=2\"]\r\n" +
	"}"

func TestHandFormattedDaemonJSONKeepsEveryByte(t *testing.T) {
	o := lab.Options{Files: map[string]lab.File{daemonJSON: {Content: handFormatted, Mode: 0o600}}}
	onEach(t, o, func(t *testing.T, h host) {
		h.run("docker run -d --name before " + lab.Image + " sleep 600")
		started := h.run("docker inspect -f '{{.State.StartedAt}} {{.State.Pid}}' before")
		h.run("runsc-provisioner apply --default-runtime")

		got := h.read(daemonJSON)
		head := strings.TrimSuffix(handFormatted, "\r\n}")
		if !strings.HasPrefix(got, head) || !strings.HasSuffix(got, "\r\n}") {
			t.Errorf("daemon.json: bytes that are not ours changed: %q", got)
		}
		ours := strings.TrimSuffix(strings.TrimPrefix(got, head), "\r\n}")
		// In the file's own style: tabs, CRLF, the blank that most colons have, and three after a comma.
		want := ",\r\n\t\"runtimes\": {\r\n\t\t\"runsc\": {\r\n\t\t\t\"path\": \"" + store + "/" + newer + "/runsc\",\r\n" +
			"\t\t\t\"runtimeArgs\": [\"--ignore-cgroups\",   \"--overlay2=none\",   \"--dcache=0\"]\r\n\t\t}\r\n\t},\r\n\t\"default-runtime\": \"runsc\""
		if ours != want {
			t.Errorf("our keys: got %q, want %q", ours, want)
		}
		if uid, gid, mode := owner(t, h.Path(daemonJSON)); uid != 0 || gid != 0 || mode.Perm() != 0o600 {
			t.Errorf("daemon.json: got %d:%d %v, want 0:0 -rw-------", uid, gid, mode)
		}
		if now := h.run("docker inspect -f '{{.State.StartedAt}} {{.State.Pid}}' before"); now != started {
			t.Errorf("the container from before: got %s, want %s", now, started)
		}
		if state, _ := h.verify(1).container(t, "before"); state != "not sandboxed" {
			t.Errorf("the container from before: got %s, want not sandboxed", state)
		}
	})
}

func TestUpgradeWhileAContainerRuns(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.run("runsc-provisioner apply --default-runtime --release " + older)
		h.run("docker run -d --name old " + lab.Image + " sleep 600")
		started := h.run("docker inspect -f '{{.State.StartedAt}} {{.State.Pid}}' old")
		h.run("runsc-provisioner apply --release " + newer)
		h.run("docker run -d --name new " + lab.Image + " sleep 600")

		if now := h.run("docker inspect -f '{{.State.StartedAt}} {{.State.Pid}}' old"); now != started {
			t.Errorf("the old container: got %s, want %s", now, started)
		}
		v := h.verify(0)
		for name, want := range map[string]string{"old": older, "new": newer} {
			if state, release := v.container(t, name); state != "sandboxed" || release != want {
				t.Errorf("%s: got %s, %s, want sandboxed, %s", name, state, release, want)
			}
		}
		if got := h.run("docker exec old uname -r"); !strings.Contains(got, "gvisor") {
			t.Errorf("exec in the old container: got %q", got)
		}
		h.run("docker stop -t 1 old && docker start old")
		if state, release := h.verify(0).container(t, "old"); state != "sandboxed" || release != newer {
			t.Errorf("old, started again: got %s, %s, want sandboxed, %s", state, release, newer)
		}
		h.run("docker stop -t 1 old && docker rm old")
	})
}

func TestFault_E02_DockerStoppedIsNotStartedByLooking(t *testing.T) {
	h := boot(t, lab.Options{Docker: lab.DockerOnDemand})
	h.exit(4, "runsc-provisioner apply --default-runtime")
	if got := h.run("systemctl is-active docker.service || true"); got != "inactive" {
		t.Errorf("docker.service: got %s, want inactive", got)
	}
	if got := h.read(daemonJSON); !strings.Contains(got, `"runsc"`) || strings.Contains(got, "default-runtime") {
		t.Errorf("daemon.json: got %s, want runsc registered and no default", got)
	}
	h.run("systemctl start docker.service && runsc-provisioner apply")
	if err := h.LoadImage(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.run("docker run --rm " + lab.Image + " uname -r | grep gvisor")
}
