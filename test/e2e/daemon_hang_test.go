package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

func TestAHangingDockerdIsReported(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	h.run("kill -STOP $(systemctl show -p MainPID --value docker); rm " + daemonJSON)
	s := h.awaits("waiting", func(s status.Status) bool { return s.State == status.StateWaiting })
	if !strings.Contains(s.Line, "dockerd") {
		t.Errorf("got %q, want it to name dockerd", s.Line)
	}
	// No event says when dockerd continues.
	h.run("kill -CONT $(systemctl show -p MainPID --value docker)")
	h.enforced()
	h.wantsRunsc()
	if got := h.starts(); got != 1 {
		t.Errorf("got %d starts of Docker, want 1: none of ours", got)
	}
}

// Another program removes the directories that systemd gave the unit. Only systemd can give them again.
func TestOurOwnDirectoriesAreRemoved(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: asDefault}}})
	h.run("systemctl start runsc-provisioner")
	h.enforced()
	for _, dir := range []string{"/var/lib/runsc-provisioner", "/run/runsc-provisioner"} {
		pid := h.status().PID
		h.run("rm -rf " + dir + "; rm " + daemonJSON)
		h.awaits("started again without "+dir, func(s status.Status) bool { return s.PID != pid && s.State == status.StateEnforced })
		h.wantsRunsc()
	}
}
