package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/daemon"
	"runsc-provisioner/test/lab"
)

func TestADockerdThatHangsIsSaid(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	h.run("kill -STOP $(systemctl show -p MainPID --value docker); rm " + daemonJSON)
	s := h.awaits("waiting", func(s daemon.Status) bool { return s.State == daemon.StateWaiting })
	if !strings.Contains(s.Line, "dockerd") {
		t.Errorf("got %q, want it to name dockerd", s.Line)
	}
	// Nobody tells when it goes on.
	h.run("kill -CONT $(systemctl show -p MainPID --value docker)")
	h.enforced()
	h.wantsRunsc()
	if got := h.starts(); got != 1 {
		t.Errorf("got %d starts of Docker, want 1: none of ours", got)
	}
}

// What systemd gave the unit is removed by somebody: only systemd can give it
// again.
func TestOurOwnDirectoriesAreRemoved(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: asDefault}}})
	h.run("systemctl start runsc-provisioner")
	h.enforced()
	for _, dir := range []string{"/var/lib/runsc-provisioner", "/run/runsc-provisioner"} {
		pid := h.status().PID
		h.run("rm -rf " + dir + "; rm " + daemonJSON)
		h.awaits("started anew without "+dir, func(s daemon.Status) bool { return s.PID != pid && s.State == daemon.StateEnforced })
		h.wantsRunsc()
	}
}
