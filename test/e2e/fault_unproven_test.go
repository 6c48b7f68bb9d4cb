package e2e

import (
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// A new setting that fails its proof, or a file in place of config.d, stopped all repairs: Docker's next containers
// ran outside.
func TestFault_X25_AFailedProofDoesNotStopRepairs(t *testing.T) {
	onEach(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: asDefault}}}, func(t *testing.T, h host) {
		h.run("runsc-provisioner apply --release " + newer + "; systemctl start runsc-provisioner")
		h.awaits("enforced", func(s status.Status) bool { return s.State == status.StateEnforced })
		repaired := func(when string) {
			t.Helper()
			s := h.status()
			h.run("echo '{}' > " + daemonJSON + "; systemctl reload docker")
			h.awaits("repaired "+when, func(now status.Status) bool {
				return now.Counts.Repairs[config.ItemDefaultRuntime] > s.Counts.Repairs[config.ItemDefaultRuntime]
			})
			if got, want := h.dockerHas(), "runsc "+store+"/"+newer+"/runsc"; got != want {
				t.Errorf("%s: got dockerd with %s, want %s", when, got, want)
			}
		}
		const conf = "/etc/runsc-provisioner"
		const second = conf + "/config.d/96-second.toml"
		h.run("printf '[docker.runtimes.second]\\nargs = [\"--ignore-cgroups\", \"--bogus=1\"]\\n' > " + second)
		h.awaits("failing", func(s status.Status) bool { return s.State == status.StateFailing })
		repaired("beside a runtime that fails its proof")
		h.exit(1, "runsc-provisioner status")
		h.run("rm " + second)
		h.awaits("enforced again", func(s status.Status) bool { return s.State == status.StateEnforced })

		h.run("mv " + conf + "/config.d /root/; echo theirs > " + conf + "/config.d")
		h.awaits("kept", func(s status.Status) bool { return s.ConfigKept != "" })
		repaired("beside a file in place of config.d")
		h.run("rm " + conf + "/config.d; mv /root/config.d " + conf + "/")
		h.awaits("enforced at last", func(s status.Status) bool { return s.State == status.StateEnforced && s.ConfigKept == "" })
	})
}
