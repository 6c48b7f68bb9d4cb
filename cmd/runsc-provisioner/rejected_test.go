package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/test/need"
)

// heldArguments are the arguments that a plan in JSON names as rejected.
func heldArguments(t *testing.T, text string) (what string, arguments []string) {
	t.Helper()
	type held struct {
		What      string
		Arguments []string
	}
	var said struct{ Plan, Left struct{ Held []held } }
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, h := range append(said.Plan.Held, said.Left.Held...) {
		what, arguments = h.What, append(arguments, h.Arguments...)
	}
	return what, arguments
}

func TestUpgradeToAReleaseThatRejectsAnArgument(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "{\n\t\"log-driver\": \"local\"\n}")
	configure := func(runsc, kvm string) {
		h.write("etc/runsc-provisioner/config.d/60-args.toml", "[docker.runtimes.runsc]\nargs = ["+runsc+"]\n[docker.runtimes.kvm]\nargs = ["+kvm+"]\n")
	}
	configure(`"--debug", "--removed"`, `"--platform=kvm", "--removed-too"`)
	h.want(exitDone, "apply", "--once", "--release="+older, "--default-runtime")
	daemonJSON, reloads := h.read("etc/docker/daemon.json"), h.units.reloads
	check := func(what string, got outcome) {
		t.Helper()
		held, arguments := heldArguments(t, got.stdout)
		if held != "release "+newer || !slices.Equal(arguments, []string{"--removed-too", "--removed"}) {
			t.Errorf("%s: got %q held for %q, want release %s for both arguments", what, held, arguments, newer)
		}
		if text := h.read("etc/docker/daemon.json"); text != daemonJSON || h.units.reloads != reloads {
			t.Errorf("%s: got daemon.json %s after %d reloads, want it unchanged", what, text, h.units.reloads-reloads)
		}
		if target, err := os.Readlink(h.paths.Link); err != nil || target != h.runsc(older) {
			t.Errorf("%s: got the link at %s (%v), want %s", what, target, err, h.runsc(older))
		}
		if _, err := os.Stat(h.runsc(newer)); err != nil {
			t.Errorf("%s: got %v, want the release in the store", what, err)
		}
	}
	check("apply --upgrade", h.want(exitHeld, "apply", "--upgrade", "--default-runtime", "--format=json"))
	downloads := h.bucket.requestCount("gvisor.tar.zstd")
	check("plan", h.want(exitHeld, "plan", "--detailed-exitcode", "--format=json"))
	check("plan without an exit code for it", h.want(exitDone, "plan", "--format=json"))
	check("apply again", h.want(exitHeld, "apply", "--format=json"))
	check("apply --upgrade again", h.want(exitHeld, "apply", "--upgrade", "--format=json"))
	if got := h.bucket.requestCount("gvisor.tar.zstd"); got != downloads {
		t.Errorf("got %d more downloads, want none", got-downloads)
	}
	if got := h.run("status", "--format=json"); got.code != exitHeld || !strings.Contains(got.stdout, "--removed") {
		t.Errorf("status: got %v, want exit %d and the argument", got, exitHeld)
	}
	if got := h.run("verify"); got.code != 1 || !strings.Contains(got.stdout, "--removed") {
		t.Errorf("verify: got %v, want a warning with the argument", got)
	}

	h.want(exitDone, "apply", "--once", "--release="+older) // one way out
	configure(`"--debug"`, `"--platform=kvm"`)
	h.want(exitDone, "apply") // the other
	if text := h.read("etc/docker/daemon.json"); !strings.Contains(text, h.runsc(newer)) || strings.Contains(text, "--removed") {
		t.Errorf("without the argument: got daemon.json %s, want %s", text, newer)
	}
}

// An argument that no release accepts is not held: nothing was registered before with it.
func TestNewArgumentThatTheReleaseInUseRejects(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	h.want(exitDone, "apply", "--release="+newer)
	before := h.read("etc/docker/daemon.json")
	got := h.want(exitFailed, "apply", "--runtime-arg=--removed")
	if !strings.Contains(got.stderr, "rejects the argument --removed of") || h.read("etc/docker/daemon.json") != before {
		t.Errorf("got %v\nwant the argument named, and nothing changed", got)
	}
	if got := h.want(exitDone, "plan", "--detailed-exitcode"); !strings.Contains(got.stdout, "nothing to do") {
		t.Errorf("afterwards: got %v, want nothing to do", got)
	}
}
