package daemon

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/status"
)

const (
	right = `"default-runtime": "runsc"`
	wrong = `"default-runtime": "runc"`
)

func TestDriftIsRepairedOnce(t *testing.T) {
	for _, test := range []struct {
		name     string
		change   func(*fakeHost)
		why      cause
		want     checkup.Drift // Got and Want are not compared where empty
		reloads  int
		unitSeen bool
	}{
		{
			name:   "the default runtime in daemon.json",
			change: func(h *fakeHost) { h.editDaemonJSON(right, wrong) }, why: becauseFiles,
			want: checkup.Drift{Item: config.ItemDefaultRuntime, Want: "runsc", Got: "runc"}, reloads: 1,
		},
		{
			name:   "the path of a runtime in daemon.json",
			change: func(h *fakeHost) { h.editDaemonJSON(newer+"/runsc", "../other/runsc") }, why: becauseFiles,
			want: checkup.Drift{Item: config.RuntimeItem("runsc")}, reloads: 1,
		},
		{
			name:   "dockerd runs with other settings than daemon.json",
			change: func(h *fakeHost) { h.dockerd.Forget() }, why: becauseDockerd,
			want: checkup.Drift{Item: config.ItemDockerd}, reloads: 1,
		},
		{
			name:   "the link is removed",
			change: func(h *fakeHost) { must(h.T, os.Remove(h.path("usr/local/bin/runsc"))) }, why: becauseFiles,
			want: checkup.Drift{Item: config.ItemLink, Want: newer, Got: "absent"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := provisionedHost(t)
			before := h.read("etc/docker/daemon.json")
			reloads, _ := h.units.counts()
			h.idle(test.why &^ becauseDockerd) // which is never without news

			test.change(h)
			h.pass(time.Second)
			s := h.round(test.why)
			if s.State != status.StateEnforced || s.Counts.Drifts[test.want.Item] != 1 || s.Counts.Repairs[test.want.Item] != 1 {
				t.Errorf("got %q, drifts %v, repairs %v, want one of each of %s", s.Line, s.Counts.Drifts, s.Counts.Repairs, test.want.Item)
			}
			if d := s.LastDrift; d == nil || d.Item != test.want.Item || d.Repaired != h.clock() ||
				test.want.Got != "" && d.Drift != test.want {
				t.Errorf("last drift: got %+v, want %+v, repaired", d, test.want)
			}
			if got := h.read("etc/docker/daemon.json"); got != before {
				t.Errorf("daemon.json: got %s\nwant %s", got, before)
			}
			if target, err := os.Readlink(h.path("usr/local/bin/runsc")); err != nil || !strings.Contains(target, newer) {
				t.Errorf("link: got %q, %v", target, err)
			}
			if got, restarts := h.units.counts(); got-reloads != test.reloads || restarts != 0 {
				t.Errorf("got %d reloads and %d restarts, want %d and none", got-reloads, restarts, test.reloads)
			}
			if diff := cmp.Diff([]status.Kind{status.Drifted, status.Repaired}, h.kinds()); diff != "" {
				t.Errorf("told -want +got:\n%s", diff)
			}
			if diff := cmp.Diff([]Measure{RepairTook}, h.measured); diff != "" {
				t.Errorf("measured -want +got:\n%s", diff)
			}
			h.idle(becauseFiles | becauseUnit)
		})
	}
}

func TestContestedKeyIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := provisionedHost(t, "[enforce]", "contested_after = 2")
	for try := range 2 {
		h.editDaemonJSON(right, wrong)
		h.pass(time.Second)
		if s := h.round(becauseFiles); s.State != status.StateEnforced {
			t.Fatalf("change %d: got %q, want it changed back", try+1, s.Line)
		}
	}
	h.editDaemonJSON(right, wrong)
	h.pass(time.Second)
	contested := h.read("etc/docker/daemon.json")
	reloads, _ := h.units.counts()
	s := h.round(becauseFiles)
	if s.State != status.StateContested || len(s.Contested) != 1 || s.Contested[0].Got != "runc" || len(s.Contested[0].Reverts) != 2 {
		t.Errorf("third change: got %q, %+v, want it contested after two reverts", s.Line, s.Contested)
	}
	if len(s.Held) != 0 {
		t.Errorf("got %+v held too", s.Held)
	}
	if !slices.Contains(h.kinds(), status.Contested) {
		t.Errorf("told of %v, want it contested", h.kinds())
	}
	if got := h.read("etc/docker/daemon.json"); got != contested {
		t.Errorf("daemon.json: got %s\nwant it left alone: %s", got, contested)
	}
	if got, _ := h.units.counts(); got != reloads {
		t.Errorf("got %d reloads, want none", got-reloads)
	}

	// Everything else is still repaired.
	must(t, os.Remove(h.path("usr/local/bin/runsc")))
	if s := h.round(becauseFiles); s.Counts.Repairs[config.ItemLink] != 1 || s.State != status.StateContested {
		t.Errorf("link removed: got %q, repairs %v, want the link back and the key contested", s.Line, s.Counts.Repairs)
	}
	// Once the other program has put it right, there is no contest.
	h.editDaemonJSON(wrong, right)
	if s := h.round(becauseFiles); s.State != status.StateEnforced || len(s.Contested) != 0 {
		t.Errorf("put right: got %q, contested %v", s.Line, s.Contested)
	}
}

func TestDriftIsHeldWithoutConsentToReload(t *testing.T) {
	t.Parallel()
	h := provisionedHost(t)
	h.configure("[docker]", `default_runtime = "runsc"`, "[enforce]", `max_disruption = "none"`)
	h.editDaemonJSON(right, wrong)
	changed := h.read("etc/docker/daemon.json")
	s := h.round(becauseFiles)
	if s.State != status.StateHeld || len(s.Held) == 0 || s.Counts.Drifts[config.ItemDefaultRuntime] != 1 || len(s.Counts.Repairs) != 0 {
		t.Errorf("got %q, held %+v, drifts %v, repairs %v", s.Line, s.Held, s.Counts.Drifts, s.Counts.Repairs)
	}
	if got := h.read("etc/docker/daemon.json"); got != changed {
		t.Errorf("daemon.json: got %s\nwant %s", got, changed)
	}
	if !slices.Contains(h.kinds(), status.Held) {
		t.Errorf("told of %v, want it held", h.kinds())
	}
	h.idle(becauseFiles)
}

func TestFailedRepairIsTriedLessAndLessOften(t *testing.T) {
	t.Parallel()
	h := provisionedHost(t)
	reloads, _ := h.units.counts()
	h.units.reloadErr = errors.New("job failed")
	h.editDaemonJSON(right, wrong)
	tried := func() int {
		n, _ := h.units.counts()
		defer func() { reloads = n }()
		return n - reloads
	}
	if s := h.round(becauseFiles); s.State != status.StateFailing || s.Error == "" || s.Counts.Failures != 1 {
		t.Fatalf("got %q, %d failures, want one", s.Line, s.Counts.Failures)
	}
	if tried() == 0 || h.outcome.next != firstRetry {
		t.Fatalf("next look in %s, want a try, and another after %s", h.outcome.next, firstRetry)
	}
	h.pass(firstRetry - time.Second)
	if s := h.round(becauseTimer); s.State != status.StateFailing || tried() != 0 || h.outcome.next != time.Second {
		t.Errorf("early: got %q, next look in %s, want no try for one second", s.Line, h.outcome.next)
	}
	h.pass(time.Second)
	if h.round(becauseTimer); tried() == 0 || h.outcome.next != 2*firstRetry {
		t.Errorf("next look in %s, want a second try, and the next after %s", h.outcome.next, 2*firstRetry)
	}
	h.units.reloadErr = nil
	if s := h.round(becauseAsked); s.State != status.StateEnforced || s.Error != "" || tried() == 0 {
		t.Errorf("SIGHUP: got %q, want a try at once", s.Line)
	}
	if s := h.status(); !s.LastSuccess.Equal(h.clock()) {
		t.Errorf("last success: got %s, want %s", s.LastSuccess, h.clock())
	}
}

// Another program may be in the middle of writing.
func TestSyntaxErrorInDaemonJSONIsReportedAfterTheGracePeriod(t *testing.T) {
	t.Parallel()
	h := provisionedHost(t)
	h.write("etc/docker/daemon.json", "{")
	if s := h.round(becauseFiles); s.State != status.StateEnforced || len(h.kinds()) != 0 || h.outcome.next > grace {
		t.Errorf("at first: got %q, told of %v, next look in %s", s.Line, h.kinds(), h.outcome.next)
	}
	h.pass(grace)
	if s := h.round(becauseTimer); s.State != status.StateFailing || s.Counts.Failures != 1 {
		t.Errorf("after the grace period: got %q", s.Line)
	}
	if got := h.read("etc/docker/daemon.json"); got != "{" {
		t.Errorf("daemon.json: got %q, want it left alone", got)
	}
	h.idle(becauseFiles)
}

func TestWaitsForDocker(t *testing.T) {
	for _, test := range []struct {
		name   string
		state  string
		load   string
		docker string
		grace  bool // the state may pass by itself
	}{
		{"starting", "activating", "loaded", "activating", true},
		{"reloading", "reloading", "loaded", "reloading", true},
		{"stopped", "inactive", "loaded", "inactive", false},
		{"failed", "failed", "loaded", "failed", false},
		{"not installed", "inactive", "not-found", "not-found", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := provisionedHost(t)
			h.units.set(func(u *host.Unit) { u.ActiveState, u.LoadState = test.state, test.load })
			s := h.round(becauseUnit)
			if got := s.State != status.StateWaiting; got != test.grace {
				t.Errorf("at first: got %q, grace %v", s.Line, test.grace)
			}
			h.pass(grace)
			if s = h.round(becauseTimer); s.State != status.StateWaiting || s.Docker != test.docker || s.Error != "" {
				t.Errorf("got %q, docker %q, error %q, want waiting for docker %q", s.Line, s.Docker, s.Error, test.docker)
			}
			if diff := cmp.Diff([]status.Kind{status.Waiting}, h.kinds()); diff != "" {
				t.Errorf("told -want +got:\n%s", diff)
			}
			h.units.set(func(u *host.Unit) { u.ActiveState, u.LoadState = "active", "loaded" })
			if s = h.round(becauseUnit); s.State != status.StateEnforced {
				t.Errorf("back: got %q", s.Line)
			}
		})
	}
}

func TestLostConfigurationUnmanagesNothing(t *testing.T) {
	t.Parallel()
	h := provisionedHost(t)
	before := h.read("etc/docker/daemon.json")
	must(t, os.Remove(h.path("etc/runsc-provisioner/config.toml")))
	s := h.round(becauseFiles)
	if s.State != status.StateEnforced || s.ConfigKept == "" || s.Wanted.DefaultRuntime != "runsc" {
		t.Errorf("got %q, kept %q, default %q", s.Line, s.ConfigKept, s.Wanted.DefaultRuntime)
	}
	if got := h.read("etc/docker/daemon.json"); got != before {
		t.Errorf("daemon.json: got %s\nwant %s", got, before)
	}
	h.editDaemonJSON(right, wrong)
	if s = h.round(becauseFiles); s.State != status.StateEnforced || h.read("etc/docker/daemon.json") != before {
		t.Errorf("drift meanwhile: got %q, want it repaired", s.Line)
	}
	h.configure("[docker]", `default_runtime = "runsc"`)
	if s = h.round(becauseFiles); s.State != status.StateEnforced || s.ConfigKept != "" {
		t.Errorf("files are back: got %q, kept %q", s.Line, s.ConfigKept)
	}
	if diff := cmp.Diff([]status.Kind{status.Kept, status.Drifted, status.Repaired}, h.kinds()); diff != "" {
		t.Errorf("told -want +got:\n%s", diff)
	}
}

func TestReleaseThatCannotBeFetchedHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	h := provisionedHost(t)
	h.config = strings.Replace(h.config, newer, "20200101.0", 1)
	h.configure("[docker]", `default_runtime = "runsc"`)
	if s := h.round(becauseFiles); s.State != status.StateFetching || s.Fetching.Release != "20200101.0" || s.Release != "" {
		t.Fatalf("got %q, want a download", s.Line)
	}
	h.editDaemonJSON(right, wrong)
	if s := h.round(becauseFiles); s.Counts.Repairs[config.ItemDefaultRuntime] != 1 || s.State != status.StateFetching {
		t.Errorf("drift meanwhile: got %q, repairs %v", s.Line, s.Counts.Repairs)
	}
	success := h.status().LastSuccess
	s := h.fetch()
	if s.State != status.StateHeld || s.Error != "" || h.outcome.next != firstRetry {
		t.Errorf("not found: got %q, error %q, next look in %s, want it held for %s", s.Line, s.Error, h.outcome.next, firstRetry)
	}
	h.editDaemonJSON(right, wrong)
	if s := h.round(becauseFiles); s.Counts.Repairs[config.ItemDefaultRuntime] != 2 || s.State != status.StateHeld {
		t.Errorf("drift then: got %q, repairs %v", s.Line, s.Counts.Repairs)
	}
	if got := h.status().LastSuccess; !got.Equal(success) {
		t.Errorf("last success: got %s, want %s: a release is lacking", got, success)
	}
	h.pass(firstRetry)
	if s := h.round(becauseTimer); s.State != status.StateHeld || s.Fetching == nil {
		t.Errorf("after %s: got %q, want another try, and until it ends what came of the last", firstRetry, s.Line)
	}
	h.config = strings.Replace(h.config, "20200101.0", newer, 1)
	h.configure("[docker]", `default_runtime = "runsc"`)
	if s := h.round(becauseFiles); s.State != status.StateEnforced {
		t.Errorf("configured as before: got %q", s.Line)
	}
}

func TestDamagedReleaseIsReplaced(t *testing.T) {
	t.Parallel()
	h := provisionedHost(t)
	h.write("usr/local/lib/gvisor/"+newer+"/runsc", "not a program")
	h.pass(time.Second)
	h.turn <- struct{}{}
	s := h.round(becauseFiles)
	if s.Counts.Drifts[config.ItemRelease] != 1 {
		t.Fatalf("got %q, drifts %v, want the damage found", s.Line, s.Counts.Drifts)
	}
	// The archive is still in the store: the first round may be fast enough.
	if s.Fetching != nil {
		<-h.loop.rounds.fetches.ended
		s = h.round(becauseFetched)
	}
	if s.State != status.StateEnforced || s.Counts.Repairs[config.ItemRelease] != 1 {
		t.Errorf("got %q, repairs %v", s.Line, s.Counts.Repairs)
	}
	if got := h.read("usr/local/lib/gvisor/" + newer + "/runsc"); got == "not a program" {
		t.Error("the damaged file is still there")
	}
}

func TestStatusIsFetchingUntilTheRoundAfterTheDownload(t *testing.T) {
	t.Parallel()
	h := newFakeHost(t)
	h.startDaemon()
	h.round(becauseTimer)
	r := h.loop.rounds
	r.out = &outcome{}
	must(t, r.converged(provision.Result{Observed: h.outcome.observed}))
	h.turn <- struct{}{}
	<-r.fetches.ended
	if r.out.fetching == nil {
		t.Error("a download that ends while the round does is not in the status, and the release that is lacking is not held either")
	}
}

// A program that keeps a file open and writes nothing must not keep drift.
func TestIdleWriterIsIgnoredAfterAWhile(t *testing.T) {
	t.Parallel()
	h := provisionedHost(t)
	h.editDaemonJSON(right, wrong)
	file, err := os.OpenFile(h.path("etc/docker/daemon.json"), os.O_WRONLY, 0)
	must(t, err)
	defer file.Close()
	changed := h.read("etc/docker/daemon.json")
	if s := h.round(becauseFiles); s.State != status.StateEnforced || h.outcome.err == nil || h.read("etc/docker/daemon.json") != changed {
		t.Errorf("at first: got %q, error %v, want the file left to its writer", s.Line, h.outcome.err)
	}
	h.pass(idleWriterAfter - time.Second)
	if s := h.round(becauseTimer); s.State != status.StateFailing || h.read("etc/docker/daemon.json") != changed {
		t.Errorf("after a while: got %q, want it told", s.Line)
	}
	h.pass(time.Second)
	h.round(becauseTimer)
	if s := h.round(becauseTimer); s.Counts.Drifts[config.ItemDefaultRuntime] == 0 {
		t.Errorf("got %q, error %v, want the host looked at", s.Line, h.outcome.err)
	}
}
