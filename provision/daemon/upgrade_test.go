package daemon

import (
	"slices"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/status"
)

// autoHost runs the older release, and is then configured to upgrade by itself; the server's latest release is the
// newer one.
func autoHost(t *testing.T, settings ...string) *fakeHost {
	t.Helper()
	h := newFakeHost(t)
	h.config = strings.Replace(h.config, newer, older, 1)
	h.configure("[docker]", `default_runtime = "runsc"`)
	h.startDaemon()
	h.round(becauseTimer)
	if s := h.fetch(); s.State != status.StateEnforced || s.Release != older {
		t.Fatalf("got %q, want the older release", s.Line)
	}
	h.config = strings.Replace(h.config, older, "latest", 1)
	h.configure(append(append([]string{`upgrade = "auto"`}, settings...), "[docker]", `default_runtime = "runsc"`)...)
	h.told = nil
	return h
}

// fetching reports whether a download is running.
func (h *fakeHost) fetching() bool {
	h.loop.rounds.fetches.mu.Lock()
	defer h.loop.rounds.fetches.mu.Unlock()
	return h.loop.rounds.fetches.wanted != nil
}

// enforces fails the test unless the host runs a release, and nothing is wrong.
func (h *fakeHost) enforces(when string, s status.Status, name string) {
	h.Helper()
	if s.State != status.StateEnforced || s.Release != name || !strings.Contains(h.read("etc/docker/daemon.json"), "/"+name+"/runsc") {
		h.Errorf("%s: got %q, error %q, want %s enforced", when, s.Line, s.Error, name)
	}
}

func TestUpgrade_ByItself(t *testing.T) {
	t.Parallel()
	h := autoHost(t)
	h.enforces("before the answer", h.round(becauseFiles), older)
	if !h.fetching() {
		t.Fatal("the server is not asked")
	}
	h.enforces("after it", h.fetch(), newer)
	if !slices.Contains(h.kinds(), status.Switched) {
		t.Errorf("told of %v, want the switch", h.kinds())
	}
	h.pass(5 * time.Hour)
	h.enforces("5 h later", h.round(becauseTimer), newer)
	if h.fetching() {
		t.Error("the server is asked again after 5 h")
	}
	h.pass(time.Hour)
	h.enforces("6 h later", h.round(becauseTimer), newer)
	h.enforces("nothing newer", h.fetch(), newer)
	if s := h.status(); s.Upgrade == nil || s.Upgrade.Result != "" || !s.Upgrade.Next.Equal(h.clock().Add(6*time.Hour)) {
		t.Errorf("got %+v, want the next question in 6 h", s.Upgrade)
	}
	if s := h.status(); s.Counts.Failures != 0 || len(s.Counts.Drifts) != 0 {
		t.Errorf("got %d failures, drifts %v", s.Counts.Failures, s.Counts.Drifts)
	}
}

func TestUpgrade_OnlyIfConfigured(t *testing.T) {
	t.Parallel()
	h := autoHost(t)
	h.configure("[docker]", `default_runtime = "runsc"`)
	for range 3 {
		s := h.round(becauseTimer)
		h.enforces("without it", s, older)
		if h.fetching() || s.Upgrade != nil {
			t.Fatalf("the server is asked: %+v", s.Upgrade)
		}
		h.pass(24 * time.Hour)
	}
}

func TestUpgrade_WaitsForItsWindow(t *testing.T) {
	t.Parallel()
	h := autoHost(t, `upgrade_window = "02:00-03:00"`)
	midnight := h.clock().Truncate(24*time.Hour).AddDate(0, 0, 1)
	h.pass(midnight.Sub(h.clock()) + time.Hour)
	h.enforces("at 01:00", h.round(becauseTimer), older)
	if h.fetching() {
		t.Fatal("the server is asked before the window")
	}
	h.pass(90 * time.Minute)
	h.enforces("at 02:30", h.round(becauseTimer), older)
	h.pass(time.Hour)
	h.enforces("the download ends after the window", h.fetch(), older)
	h.pass(23 * time.Hour)
	h.enforces("a day later", h.round(becauseTimer), newer)
}

func TestUpgrade_WaitsUntilAReleaseHasBeenOut(t *testing.T) {
	t.Parallel()
	h := autoHost(t, `upgrade_after = "72h"`)
	h.round(becauseTimer)
	first := h.clock()
	s := h.fetch()
	h.enforces("first seen", s, older)
	if s.Upgrade == nil || s.Upgrade.Result == "" {
		t.Errorf("got %+v, want why it waits", s.Upgrade)
	}
	h.pass(71 * time.Hour)
	h.round(becauseTimer)
	h.enforces("after 71 h", h.fetch(), older)
	if s := h.status(); !s.Upgrade.Next.Equal(first.Add(72 * time.Hour)) {
		t.Errorf("got the next question at %s, want %s", s.Upgrade.Next, first.Add(72*time.Hour))
	}
	h.startDaemon() // it has forgotten nothing
	h.pass(time.Hour)
	h.round(becauseTimer)
	h.enforces("after 72 h", h.fetch(), newer)
}

// A release that does not work here is not tried every few hours.
func TestUpgrade_ThatFailsIsNotTriedAgainByItself(t *testing.T) {
	t.Parallel()
	h := autoHost(t)
	h.unsound = newer
	h.round(becauseTimer)
	if s := h.fetch(); s.State != status.StateFailing {
		t.Errorf("got %q, want the failure told", s.Line)
	}
	proofs := h.proofs
	h.pass(time.Hour)
	h.enforces("an hour later", h.round(becauseTimer), older)
	h.pass(6 * time.Hour)
	h.enforces("before the answer", h.round(becauseTimer), older)
	s := h.fetch()
	h.enforces("the same release again", s, older)
	if h.proofs != proofs || s.Upgrade == nil || s.Upgrade.Result == "" {
		t.Errorf("got %d more proofs, and %+v, want none and the reason", h.proofs-proofs, s.Upgrade)
	}
}
