package e2e

import (
	"fmt"
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// replacing replaces the directory of daemon.json again and again, each time with another text and with up to
// 300 ms between the two renames, and waits until that text has our keys. It prints how many edits were lost,
// and how many directories ended up inside another.
const replacing = `lost=0 nested=0
for i in $(seq %d); do
	mkdir /etc/docker.new
	printf '{\n\t"labels": ["edit=%%d"]\n}\n' $i > /etc/docker.new/daemon.json
	mv /etc/docker /etc/docker.old
	sleep 0.$(printf '%%03d' $(shuf -i 0-300 -n 1))
	mv /etc/docker.new /etc/docker
	if [ -e /etc/docker/docker.new ]; then nested=$((nested + 1)); rm -rf /etc/docker/docker.new; fi
	n=0
	until grep -q default-runtime /etc/docker/daemon.json; do n=$((n + 1)); [ $n -lt 3000 ] || exit 1; sleep 0.01; done
	grep -q "edit=$i\"" /etc/docker/daemon.json || lost=$((lost + 1))
	rm -rf /etc/docker.old
done 2>/dev/null
echo $lost $nested`

func TestFault_R01_ADirectoryIsReplacedBesideTheDaemon(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.keep(asDefault + "[enforce]\ncontested_after = 100000\n")
		if got := h.run(fmt.Sprintf(replacing, 15)); got != "0 0" {
			t.Errorf("got %s edits lost and directories nested, want none", got)
		}
		h.enforced()
		h.wantsRunsc()
	})
}

func TestFault_R01_ADirectoryThatComesTooLateIsReported(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault+"[enforce]\ncontested_after = 1000\n")
	// The replacement comes only after the directory was created again. mv copies a directory of the lab's
	// lower layer and then removes it file by file, and the daemon may put daemon.json back in between: a repair by
	// then is not the one that creates the directory.
	h.run("mkdir /etc/docker.new; echo '{\"debug\": true}' > /etc/docker.new/daemon.json; mv /etc/docker /etc/docker.old || until rm -rf /etc/docker; do :; done; until [ -s /etc/docker/daemon.json ]; do sleep 0.01; done")
	h.run("mv /etc/docker.new /etc/docker")
	says(t, h.exit(1, "runsc-provisioner verify"), "/etc/docker/docker.new")
	h.looked()
	h.awaits("aware of it", func(s status.Status) bool {
		for _, item := range s.Host {
			if strings.Contains(item.Seen, "/etc/docker/docker.new") {
				return true
			}
		}
		return false
	})
	// Its remedy works.
	h.repaired("mv -T /etc/docker/docker.new/daemon.json "+daemonJSON+"; rmdir /etc/docker/docker.new", "default-runtime")
	h.exit(0, "runsc-provisioner verify")
	if got := h.read(daemonJSON); !strings.Contains(got, `"debug": true`) {
		t.Errorf("got %s, want the edit", got)
	}
}

func TestFault_R01_ADirectoryIsReplacedBesideApply(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime")
	// apply starts while the directory is missing, and waits.
	done := h.began("mkdir /etc/docker.new; echo '{\"debug\": false}' > /etc/docker.new/daemon.json; mv /etc/docker /etc/docker.old; runsc-provisioner --verbose apply 2> /root/log; echo $? > /root/code")
	h.run("until grep -q 'waiting for the missing directory' /root/log || [ -s /root/code ]; do sleep 0.01; done; mv /etc/docker.new /etc/docker")
	<-done
	if got := h.read("/root/code"); got != "0\n" {
		t.Errorf("got exit %s\n%s", got, h.read("/root/log"))
	}
	h.wantsRunsc()
	if got := h.read(daemonJSON); !strings.Contains(got, `"debug": false`) {
		t.Errorf("got %s, want the edit", got)
	}
}

func TestFault_R09_OurOwnDirectoryIsReplaced(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault+"[enforce]\ncontested_after = 1000\n")
	h.run("cp -rp /etc/runsc-provisioner /etc/runsc-provisioner.new; sed -i 's/1000/1001/' /etc/runsc-provisioner.new/config.d/60-test.toml; mv /etc/runsc-provisioner /etc/runsc-provisioner.old")
	h.awaits("keeping the last good one", func(s status.Status) bool { return s.ConfigKept != "" })
	h.repaired("rm "+daemonJSON, "default-runtime")
	h.run("mv /etc/runsc-provisioner.new /etc/runsc-provisioner")
	h.awaits("following the files", func(s status.Status) bool { return s.State == status.StateEnforced && s.ConfigKept == "" })
	if got := h.run("ls /etc/runsc-provisioner"); got != "config.d" {
		t.Errorf("got %s in it, want the replacement alone", got)
	}
	if got := h.run("grep -o '\"contested_after\": 1001' " + accepted); got == "" {
		t.Error("the new value was not accepted")
	}
}
