package daemon

import (
	"slices"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/status"
)

// A new setting whose runtime fails its proof stopped all repairs: containers then started outside.
func TestFault_X25_AFailedProofDoesNotStopRepairs(t *testing.T) {
	const wanted = "[docker]\ndefault_runtime = \"runsc\"\n"
	for name, setting := range map[string]string{
		"of another runtime":     wanted + "[docker.runtimes.second]\nargs = [\"" + bad + "\"]",
		"of the default runtime": wanted + "[docker.runtimes.runsc]\nargs = [\"" + bad + "\"]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := provisionedHost(t)
			accepted := h.read("etc/docker/daemon.json")
			h.configure(setting)
			s := h.round(becauseFiles)
			fails := func(when string) {
				t.Helper()
				if s.State != status.StateFailing || !strings.Contains(s.Error, "exit status 128") {
					t.Errorf("%s: got %q, error %q, want the failed proof", when, s.Line, s.Error)
				}
				if got := h.read("etc/docker/daemon.json"); !slices.Equal(strings.Fields(got), strings.Fields(accepted)) {
					t.Errorf("%s: got daemon.json %s, want %s", when, got, accepted)
				}
				if len(h.outcome.drifts) > 0 && len(h.outcome.repaired) == 0 {
					t.Errorf("%s: got %v not repaired", when, h.outcome.drifts)
				}
			}
			fails("configured")
			proofs := h.proofs
			for i, pause := range []time.Duration{0, 0, time.Hour} { // also too early for another proof
				h.pass(pause)
				h.write("etc/docker/daemon.json", "{}")
				s = h.round(becauseFiles)
				fails("drift")
				drifts, repairs := s.Counts.Drifts[config.ItemDefaultRuntime], s.Counts.Repairs[config.ItemDefaultRuntime]
				if want := uint64(i + 1); drifts != want || repairs != want {
					t.Errorf("drift %d: got %d drifts and %d repairs, want %d of each", i, drifts, repairs, want)
				}
			}
			if h.proofs == proofs {
				t.Error("the present configuration was not tried again")
			}
			h.startDaemon()
			h.write("etc/docker/daemon.json", "{}")
			s = h.round(becauseTimer)
			fails("another daemon")

			h.configure(wanted)
			h.write("etc/docker/daemon.json", "{}")
			if s = h.round(becauseFiles); s.State != status.StateEnforced {
				t.Errorf("mended: got %q", s.Line)
			}
		})
	}
}
