package main

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/proof"
	"runsc-provisioner/test/need"
)

// A sandbox that hides its writes from Docker does not become the default, and the
// hint says what to do.
func TestApply_RollsBackARuntimeThatHidesWritesFromDocker(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "{}")
	h.inDockerErr = &proof.UnseenWrites{Differences: []string{"docker diff does not show A /proof/made", "docker diff shows A /\x1b[2Jx"}}
	got := h.want(exitRolledBack, "apply", "--release="+newer, "--default-runtime")
	for _, said := range []string{"A /proof/made", "hint: " + unseenWritesHint} {
		if !strings.Contains(got.stderr, said) {
			t.Errorf("got stderr %q, want it to have %q", got.stderr, said)
		}
	}
	if all := got.stdout + got.stderr; strings.Contains(all, "\x1b[2J") || strings.Contains(all, "starts no sandbox") {
		t.Errorf("got %q, want names from outside escaped, and no doubt about the sandbox", all)
	}
	if text := h.read("etc/docker/daemon.json"); text != "{}" {
		t.Errorf("got daemon.json %s, want the old one", text)
	}
	for _, read := range h.units.read {
		if strings.Contains(read, `"default-runtime":"runsc"`) {
			t.Errorf("got dockerd made to read %s, want no switch of the default", read)
		}
	}
	got = h.want(exitDone, "apply", "--release="+newer, "--no-proof")
	if got = h.want(exitFailed, "prove"); !strings.Contains(got.stderr, "hint: "+unseenWritesHint) {
		t.Errorf("prove: got stderr %q, want the hint", got.stderr)
	}
}
