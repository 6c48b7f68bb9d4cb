package daemon

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/status"
)

func TestReleaseThatRejectsAnArgumentIsHeldOnce(t *testing.T) {
	t.Parallel()
	asked := []string{"[docker]", `default_runtime = "runsc"`, "[docker.runtimes.runsc]", `args = ["` + gone + `"]`}
	h := provisionedHost(t, asked[2:]...)
	h.config = strings.Replace(h.config, newer, next, 1)
	h.configure(asked...)
	before := h.read("etc/docker/daemon.json")
	reloads, _ := h.units.counts()
	if s := h.round(becauseFiles); s.State != status.StateFetching {
		t.Fatalf("the next release is configured: got %q, want a download", s.Line)
	}
	s := h.fetch()
	check := func(when string, s status.Status) {
		t.Helper()
		if s.State != status.StateHeld || len(s.Held) != 1 || !slices.Equal(s.Held[0].Arguments, []string{gone}) || s.Error != "" {
			t.Errorf("%s: got %q, error %q, held %+v, want the release held for %s", when, s.Line, s.Error, s.Held, gone)
		}
		if s.Release != newer || s.Fetching != nil || s.Counts.Failures != 0 || len(s.Counts.Drifts) != 0 {
			t.Errorf("%s: got release %s, download %v, %d failures, drifts %v, want %s and none", when, s.Release, s.Fetching, s.Counts.Failures, s.Counts.Drifts, newer)
		}
		got, _ := h.units.counts()
		if text := h.read("etc/docker/daemon.json"); text != before || got != reloads {
			t.Errorf("%s: got daemon.json %s after %d reloads, want it unchanged", when, text, got-reloads)
		}
		if _, err := os.Stat(h.path("usr/local/lib/gvisor/" + next + "/runsc")); err != nil {
			t.Errorf("%s: got %v, want the release in the store", when, err)
		}
	}
	check("after the download", s)
	told, proofs := len(h.told), h.proofs
	if !slices.Contains(h.kinds(), status.Held) {
		t.Errorf("told of %v, want it held", h.kinds())
	}
	for range 3 {
		h.pass(24 * time.Hour)
		check("a day later", h.round(becauseTimer))
	}
	if len(h.told) != told || h.proofs != proofs {
		t.Errorf("got %d more notices and %d more proofs, want none", len(h.told)-told, h.proofs-proofs)
	}
	// Drift of what stays in use is repaired.
	h.editDaemonJSON(right, wrong)
	if s := h.round(becauseFiles); s.State != status.StateHeld || s.Counts.Repairs[config.ItemDefaultRuntime] != 1 {
		t.Errorf("drift: got %q, repairs %v, want it repaired, and the release held", s.Line, s.Counts.Repairs)
	}
	h.startDaemon()
	reloads, _ = h.units.counts()
	check("another daemon", h.round(becauseTimer))

	h.configure(append(slices.Clone(asked[:3]), `args = []`)...)
	if s := h.round(becauseFiles); s.State != status.StateEnforced || s.Release != next {
		t.Errorf("without the argument: got %q, release %s, want %s", s.Line, s.Release, next)
	}
	want := strings.ReplaceAll(regexp.MustCompile(`"`+gone+`",\s*`).ReplaceAllString(before, ""), newer, next)
	if diff := cmp.Diff(want, h.read("etc/docker/daemon.json")); diff != "" {
		t.Errorf("daemon.json (-want +got):\n%s", diff)
	}
}
