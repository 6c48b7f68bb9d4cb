package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// switchRemap needs a restart of Docker. Its flags are not saved unless it succeeds.
const switchRemap = "runsc-provisioner apply --userns-remap --allow-restart --allow-hidden-data"

// editable is a host on which another program edits daemon.json between the stop and the start of a restart
// (/root/edit), dockerd does not start with userns-remap (/root/refuse) or at all (/root/down), and /etc/docker
// gets full while apply is asked to end (/root/fill).
func editable(t *testing.T) host {
	body := `case "$*" in *--validate*) ;; *)
[ -e /root/edit ] && { rm /root/edit; sed -i 's/"debug": *false/"debug": true/' /etc/docker/daemon.json; }
[ -e /root/fill ] && { rm /root/fill; dd if=/dev/zero of=/etc/docker/fill bs=1k; kill -TERM $(cat /root/pid); }
[ -e /root/down ] && exit 1
[ -e /root/refuse ] && grep -qs userns-remap /etc/docker/daemon.json && exit 1
;; esac`
	return boot(t, lab.Options{Files: with(wrapped(body), "/etc/systemd/system/docker.service.d/60-limit.conf", lab.File{Content: "[Service]\nRestart=no\n"})})
}

// is fails the test unless dockerd runs with userns-remap or not, as remapped says, and daemon.json has the same
// and debug.
func (h host) is(remapped bool, debug string) {
	h.t.Helper()
	text := h.read(daemonJSON)
	inFile := strings.Contains(text, "userns-remap")
	inEffect := strings.Contains(h.run("docker info -f '{{.SecurityOptions}}'"), "userns")
	if inFile != remapped || inEffect != remapped || !strings.Contains(text, `"debug": `+debug) {
		h.t.Errorf("got daemon.json %s and userns-remap in effect: %t, want %t and debug %s", text, inEffect, remapped, debug)
	}
}

// reset puts the host's daemon.json back and has dockerd load it.
func (h host) reset() {
	h.t.Helper()
	h.write(othersText)
	h.run("systemctl reset-failed docker docker.socket; systemctl restart docker; runsc-provisioner apply --default-runtime")
}

func TestFault_X01_AnotherProgramEditsDuringOurRestart(t *testing.T) {
	h := editable(t)
	h.reset()
	h.run("touch /root/edit /root/refuse")
	h.exit(3, switchRemap)
	h.is(false, "true")
	h.settled()

	// Docker starts with neither text. A later apply starts it once it can.
	h.reset()
	h.run("touch /root/edit /root/refuse /root/down")
	h.exit(70, switchRemap)
	if text := h.read(daemonJSON); strings.Contains(text, "userns") || !strings.Contains(text, `"debug": true`) {
		t.Errorf("got daemon.json %s, want the edit and no userns-remap", text)
	}
	h.run("rm /root/down")
	h.run("runsc-provisioner apply")
	h.is(false, "true")
	h.settled()

	// dockerd starts, and the edit stays in effect beside ours.
	h.run("rm /root/refuse")
	h.reset()
	h.run("touch /root/edit")
	h.run(switchRemap)
	h.is(true, "true")
	h.settled()

	// Docker has failed with userns-remap, and a command leads out of it.
	h.run("systemctl stop docker.socket docker; touch /root/refuse; ! systemctl start docker")
	h.exit(4, "runsc-provisioner apply --userns-remap=off")
	h.run("runsc-provisioner apply --userns-remap=off --allow-hidden-data; ! grep userns " + daemonJSON)
	h.run("systemctl reset-failed docker docker.socket; systemctl start docker.socket docker")
	h.is(false, "true")
	h.run("runsc-provisioner apply")
	h.settled()
}

func TestFault_X01_ARollbackWithoutRoomIsNoSuccess(t *testing.T) {
	h := editable(t)
	h.run("mkdir -p /etc/docker; mount -t tmpfs -o size=24k,mode=755 tmpfs /etc/docker")
	h.reset()
	h.run("touch /root/fill")
	r := h.exit(70, switchRemap+" & echo $! >/root/pid; wait $!")
	says(t, r, "no space left")
	h.run("rm /etc/docker/fill; systemctl reset-failed docker docker.socket; runsc-provisioner apply --allow-restart")
	h.is(false, "false")
	h.settled()
}

// Nothing reads the output of apply, and its pipe is full. The change is completed all the same, and TERM ends
// the run.
func TestFault_X14_ABlockedOutput(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("mkfifo /root/pipe")
	const blocked = `exec 7<>/root/pipe; dd if=/dev/zero of=/root/pipe bs=4096 count=16 oflag=nonblock 2>/dev/null; `
	code := h.run(blocked + `runsc-provisioner apply --verbose --default-runtime --release ` + older + ` >/root/pipe 2>&1 & pid=$!
until docker info -f '{{.DefaultRuntime}}' | grep -q runsc && ! [ -e ` + state + `/journal.json ]; do kill -0 $pid || break; done
kill -TERM $pid; wait $pid; echo $?`)
	if code != "0" && code != "1" {
		t.Errorf("got exit %s, want that of a run that was done, or ended after its change", code)
	}
	if got, want := h.dockerHas(), "runsc "+store+"/"+older+"/runsc"; got != want {
		t.Errorf("got dockerd with %s, want %s", got, want)
	}
	h.settled()
	// The lock is free, and the next run needs no signal.
	h.exit(0, blocked+"runsc-provisioner apply --release "+newer+" >/root/pipe 2>&1")
	h.settled()
}
