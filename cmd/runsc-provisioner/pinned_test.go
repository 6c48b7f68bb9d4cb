package main

import (
	"encoding/json"
	"strings"
	"testing"

	"runsc-provisioner/test/need"
)

// An upgrade that can find nothing says that the release is pinned.
func TestUpgradeOfAPinnedRelease(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "{}")
	warnings := func(args ...string) int {
		t.Helper()
		var said struct{ Plan, Left struct{ Warnings []string } }
		if err := json.Unmarshal([]byte(h.want(exitDone, append(args, "--format=json")...).stdout), &said); err != nil {
			t.Fatal(err)
		}
		return len(said.Plan.Warnings) + len(said.Left.Warnings)
	}
	check := func(want int, args ...string) {
		t.Helper()
		if got := warnings(args...); got != want {
			t.Errorf("%q: got %d warnings, want %d", args, got, want)
		}
	}
	check(0, "apply", "--release="+older)
	downloads := h.bucket.requestCount("gvisor.tar.zstd")
	check(1, "apply", "--upgrade")
	check(1, "plan", "--upgrade")
	check(0, "plan")
	if got := h.bucket.requestCount("gvisor.tar.zstd"); got != downloads {
		t.Errorf("got %d more downloads, want none", got-downloads)
	}
	said := h.want(exitDone, "apply", "--upgrade", "--rootfs=sandbox")
	if n := strings.Count(said.stdout, "note: gVisor is pinned"); n != 1 {
		t.Errorf("got %v, want the note once beside another change", said)
	}
	check(0, "apply", "--upgrade", "--release=latest")
	h.want(exitDone, "apply", "--upgrade", "--allow-downgrade", "--release="+older[:8]) // it has point releases only
	check(1, "plan", "--upgrade")
}
