package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/test/need"
)

// runs fails the test unless daemon.json and the link have a release.
func (h *fakeHost) runs(when, name string) {
	h.t.Helper()
	if text := h.read("etc/docker/daemon.json"); !strings.Contains(text, h.runsc(name)) {
		h.t.Errorf("%s: got daemon.json %s, want %s", when, text, name)
	}
	if target, err := os.Readlink(h.paths.Link); err != nil || target != h.runsc(name) {
		h.t.Errorf("%s: got the link at %s (%v), want %s", when, target, err, h.runsc(name))
	}
}

// upgradedHost runs the newer release, and has the older one in its store.
func upgradedHost(t *testing.T) *fakeHost {
	t.Helper()
	need.Root(t)
	h := freshHost(t, "{\n\t\"log-driver\": \"local\"\n}")
	h.want(exitFailed, "rollback")
	h.want(exitDone, "apply", "--once", "--release="+older, "--default-runtime")
	h.want(exitFailed, "rollback")
	h.want(exitDone, "apply", "--upgrade", "--default-runtime")
	h.runs("after the upgrade", newer)
	return h
}

func TestRollback_ReturnsToThePreviousRelease(t *testing.T) {
	t.Parallel()
	h := upgradedHost(t)
	reloads := h.units.reloads
	online := h.http
	h.http = &http.Client{Transport: noNetwork{t}}
	h.want(exitDone, "rollback")
	h.runs("after the rollback", older)
	if got := h.units.reloads - reloads; got != 1 {
		t.Errorf("got %d reloads, want 1", got)
	}
	// Nothing takes it again by itself.
	for _, args := range [][]string{{"apply"}, {"plan", "--detailed-exitcode"}, {"apply", "--default-runtime"}} {
		h.want(exitDone, args...)
		h.runs(strings.Join(args, " "), older)
	}
	if got := h.want(exitDone, "lock"); !strings.Contains(got.stdout, older) {
		t.Errorf("got %s, want the release in use", got.stdout)
	}
	before := h.snapshot()
	h.want(exitFailed, "rollback")
	h.untouched(before)

	h.http = online
	h.want(exitDone, "apply", "--upgrade")
	h.runs("apply --upgrade", newer)
	h.want(exitDone, "rollback")
	h.runs("rolled back again", older)
	h.want(exitDone, "apply", "--release="+newer)
	h.runs("apply --release", newer)
	h.want(exitDone, "apply", "--release=latest")
	h.runs("apply --release=latest", newer)
}

// The configuration names the release that is rolled back: the host does not match it, and says so.
func TestRollback_FromAPinnedRelease(t *testing.T) {
	t.Parallel()
	h := upgradedHost(t)
	h.want(exitDone, "apply", "--release="+newer)
	h.want(exitDone, "rollback")
	h.runs("after the rollback", older)
	h.want(exitHeld, "apply")
	h.want(exitHeld, "plan", "--detailed-exitcode")
	h.runs("after an apply", older)
	if got := h.run("verify"); got.code != 1 || !strings.Contains(got.stdout, newer) {
		t.Errorf("verify: got %v, want a warning", got)
	}
	if got := h.want(exitDone, "plan", "--release="+newer); !strings.Contains(got.stdout, "/"+newer+"/runsc") {
		t.Errorf("got %s, want the steps to it", got.stdout)
	}
	h.want(exitDone, "apply", "--release="+newer)
	h.runs("asked for", newer)
	h.want(exitDone, "apply")
}

func TestRollback_IsUndoneIfItFails(t *testing.T) {
	t.Parallel()
	h := upgradedHost(t)
	h.write("etc/runsc-provisioner/config.d/60-args.toml", "[docker.runtimes.runsc]\nargs = [\"--debug\"]\n")
	h.want(exitDone, "apply")
	h.units.reloadErr = errors.New("the job failed")
	h.want(exitRolledBack, "rollback")
	h.units.reloadErr = nil
	h.runs("after the failure", newer)
	h.want(exitDone, "plan", "--detailed-exitcode")
}

// The previous release may not have a flag that was added since.
func TestRollback_ToAReleaseThatRejectsAnArgument(t *testing.T) {
	t.Parallel()
	h := upgradedHost(t)
	h.want(exitDone, "apply", "--runtime-arg=--added")
	daemonJSON, reloads := h.read("etc/docker/daemon.json"), h.units.reloads
	got := h.want(exitHeld, "rollback", "--format=json")
	if held, arguments := heldArguments(t, got.stdout); held != "release "+older || !slices.Equal(arguments, []string{"--added"}) {
		t.Errorf("got %q held for %q, want release %s for its argument", held, arguments, older)
	}
	h.runs("after it", newer)
	if h.read("etc/docker/daemon.json") != daemonJSON || h.units.reloads != reloads {
		t.Error("Docker was changed")
	}
	h.want(exitDone, "plan", "--detailed-exitcode")
	h.want(exitDone, "apply", "--upgrade")
	h.runs("apply --upgrade", newer)
}

func TestApply_GoesDownOnlyIfAllowed(t *testing.T) {
	t.Parallel()
	h := upgradedHost(t)
	before := h.snapshot()
	for _, args := range [][]string{{"apply", "--release=" + older}, {"plan", "--release=" + older}, {"apply", "--release=" + older[:8]}} {
		h.refuses(exitRefusedData, []string{older[:8], newer, "--allow-downgrade"}, args...)
	}
	h.untouched(before)
	h.want(exitDone, "apply", "--release="+older, "--allow-downgrade")
	h.runs("allowed", older)
	h.want(exitDone, "apply")
	h.runs("again", older)
	h.want(exitDone, "apply", "--release="+newer)
	h.runs("up again", newer)
}

// A record that does not parse is said and moved, and stops nothing. What it had is forgotten only with its copy.
func TestApply_MovesADamagedRecordOfWithdrawnReleases(t *testing.T) {
	t.Parallel()
	h := upgradedHost(t)
	h.want(exitDone, "rollback")
	record, copied := filepath.Join(h.paths.Store, ".withdrawn.json"), filepath.Join(h.paths.Store, ".withdrawn.copy.json")
	for _, test := range []struct {
		damaged []string
		plan    int
		runs    string
	}{{[]string{record}, exitDone, older}, {[]string{record, copied}, exitChanges, newer}} {
		for _, path := range test.damaged {
			if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := h.want(test.plan, "plan", "--detailed-exitcode"); !strings.Contains(got.stdout, ".withdrawn.json cannot be used") {
			t.Errorf("got %s, want it said before", got.stdout)
		}
		if got := h.want(exitDone, "apply"); !strings.Contains(got.stdout, ".withdrawn.json.unread") {
			t.Errorf("got %s, want it said", got.stdout)
		}
		h.runs(fmt.Sprintf("%d damaged", len(test.damaged)), test.runs)
	}
}

func TestApply_RefusesARecordOfWithdrawnReleasesThatOthersMayWrite(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".withdrawn.json", ".withdrawn.copy.json"} {
		h := upgradedHost(t)
		h.want(exitDone, "rollback")
		if err := os.Chmod(filepath.Join(h.paths.Store, name), 0o666); err != nil {
			t.Fatal(err)
		}
		before := h.snapshot()
		for _, command := range []string{"plan", "apply"} {
			h.refuses(exitRefused, []string{name, "chmod go-w"}, command)
		}
		h.untouched(before)
	}
}
