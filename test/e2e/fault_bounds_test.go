package e2e

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"runsc-provisioner/provision/daemon"
	"runsc-provisioner/test/lab"
)

// What has no limit of its own: an output without room, a metrics port that is open to every user, a second daemon, and
// a command of docker.service that hangs.
func TestFault_X23_NothingIsWithoutBound(t *testing.T) {
	onEach(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: metricsConfig}}}, func(t *testing.T, h host) {
		h.run("runsc-provisioner apply")
		for command, code := range map[string]int{
			"plan": 1, "plan --format json": 1, "status": 1, "status --format json": 1, "config show": 1, "version": 1, "--version": 1, "--help": 1,
			"doctor": 3, "doctor --format json": 3, "verify": 3, "verify --format plugin": 3, "verify --format prometheus": 3, "verify --json-schema": 3,
		} {
			h.exit(code, "runsc-provisioner "+command+" > /dev/full")
		}

		h.run("systemctl start runsc-provisioner")
		first := h.enforced()
		t.Run("second daemon", func(t *testing.T) {
			h := host{h.Host, t}
			h.exit(75, "runsc-provisioner daemon")
			if got := h.status(); got.PID != first.PID || !daemon.Runs(got) && got.PIDStart != first.PIDStart {
				t.Errorf("got %+v, want the status of process %d", got, first.PID)
			}
			h.run("runsc-provisioner status")
		})
		t.Run("suspended daemon", func(t *testing.T) {
			h := host{h.Host, t}
			pid := strconv.Itoa(first.PID)
			h.run("kill -STOP " + pid + "; until grep -q '^State:.T' /proc/" + pid + "/status; do :; done")
			says(t, h.exit(1, "runsc-provisioner status"), "sudo kill -CONT "+pid)
			h.run("kill -CONT " + pid + "; until ! grep -q '^State:.T' /proc/" + pid + "/status; do :; done; runsc-provisioner status")
		})
		t.Run("connections", func(t *testing.T) {
			h := host{h.Host, t}
			for i := range 1000 {
				conn, err := h.dial("127.0.0.1:9617")
				if err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
				defer conn.Close()
				if _, err := conn.Write(bytes.Repeat([]byte("G"), i%2)); err != nil {
					t.Logf("connection %d: %v", i, err) // closed for a newer one
				}
			}
			if got := h.get("http://127.0.0.1:9617/metrics"); !strings.Contains(got, "runsc_provisioner_converged 1") {
				t.Errorf("got %s", got)
			}
			fds, err := os.ReadDir(h.Path("/proc/" + strconv.Itoa(first.PID) + "/fd"))
			if err != nil || len(fds) > 200 {
				t.Errorf("got %d open files of the daemon, %v", len(fds), err)
			}
		})
		h.run("systemctl stop runsc-provisioner")

		t.Run("ExecReload", func(t *testing.T) {
			h := host{h.Host, t}
			h.run("mkdir -p /etc/systemd/system/docker.service.d; printf '[Service]\\nExecReload=\\nExecReload=/bin/sleep infinity\\n' > /etc/systemd/system/docker.service.d/50-hangs.conf; systemctl daemon-reload")
			text := h.read(daemonJSON)
			h.exit(3, "runsc-provisioner apply --once --runtime-arg=--ignore-cgroups --runtime-arg=--debug=false")
			if got := h.read(daemonJSON); got != text {
				t.Errorf("got daemon.json %s, want %s", got, text)
			}
			if got := h.run("systemctl is-active docker; pgrep -x sleep || true"); got != "active" || h.starts() != 1 {
				t.Errorf("got %q after %d starts, want Docker active, and the command killed", got, h.starts())
			}
			h.run("rm /etc/systemd/system/docker.service.d/50-hangs.conf; systemctl daemon-reload; runsc-provisioner apply --once --runtime-arg=--ignore-cgroups --runtime-arg=--debug=false")
			h.wantsRunsc()
		})
	})
}
