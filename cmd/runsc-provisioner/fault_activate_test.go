package main

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/test/need"
)

// editByHand changes daemon.json; dockerd does not reload.
func (h *fakeHost) editByHand(old, text string) string {
	h.t.Helper()
	before := h.read("etc/docker/daemon.json")
	after := strings.Replace(before, old, text, 1)
	if after == before {
		h.t.Fatalf("%s has no %s", before, old)
	}
	h.write("etc/docker/daemon.json", after)
	return after
}

func TestFault_X05_AnEditThatFailsInDockerIsNotInEffect(t *testing.T) {
	need.Root(t)
	h := freshHost(t, "{\"debug\": true}\n")
	h.want(exitDone, "apply", "--release="+newer, "--default-runtime")
	had := maps.Clone(h.dockerd.Runtimes)
	text := h.editByHand(`"--dcache=0"`, `"--dcache=0", "--debug"`)

	h.inDockerErr = errors.New("OCI runtime create failed")
	for range 2 { // every apply tries it again
		h.want(exitRolledBack, "apply")
		if diff := cmp.Diff(had, h.dockerd.Runtimes, cmp.Comparer(func(a, b fakedockerd.Runtime) bool {
			return a.Path == b.Path && strings.Join(a.Args, " ") == strings.Join(b.Args, " ")
		})); diff != "" || h.dockerd.DefaultRuntime != "runsc" {
			t.Errorf("dockerd (-want +got):\n%s", diff)
		}
		if got := h.read("etc/docker/daemon.json"); got != text {
			t.Errorf("got %s, want the edit unchanged: %s", got, text)
		}
	}
	h.inDockerErr = nil
	h.want(exitDone, "apply")
	if got := h.dockerd.Runtimes["runsc"].Args; len(got) != 3 || got[2] != "--debug" {
		t.Errorf("got the arguments %q, want the arguments of the edit", got)
	}
	reloads := h.units.reloads
	h.want(exitDone, "apply")
	if h.units.reloads != reloads {
		t.Errorf("got %d reloads, want none", h.units.reloads-reloads)
	}
}

func TestFault_X05_ArgumentsThatAnotherProgramLoadedAreProven(t *testing.T) {
	need.Root(t)
	h := freshHost(t, "{}\n")
	h.want(exitDone, "apply", "--release="+newer)
	h.editByHand(`"--dcache=0"`, `"--dcache=0", "--debug"`)
	if err := h.dockerd.Load(h.paths.DaemonJSON); err != nil {
		t.Fatal(err)
	}
	reloads := h.units.reloads
	h.inDockerErr = errors.New("OCI runtime create failed")
	if r := h.run("apply"); r.code == exitDone || h.units.reloads != reloads {
		t.Errorf("got %v after %d reloads, want it to fail without one", r, h.units.reloads-reloads)
	}
	if r := h.run("verify"); r.code == exitDone {
		t.Errorf("got %v, want it to report that", r)
	}
	h.inDockerErr = nil
	h.want(exitDone, "apply")
}

func TestFault_X04_ARuntimeOfAFlagIsKept(t *testing.T) {
	need.Root(t)
	h := freshHost(t, "{}\n")
	h.units.unit.ExecStart = append(h.units.unit.ExecStart, "--add-runtime=nvidia=/bin/nvidia")
	h.dockerd.Runtimes["nvidia"] = fakedockerd.Runtime{Path: "/bin/nvidia"}
	h.want(exitHeld, "apply", "--release="+newer, "--default-runtime")
	if got := h.read("etc/docker/daemon.json"); got != "{}\n" || h.units.reloads != 0 {
		t.Errorf("got %s after %d reloads, want nothing done", got, h.units.reloads)
	}
	h.write("etc/docker/daemon.json", `{"runtimes": {"nvidia":{"path":"/bin/nvidia"}}}`)
	h.want(exitDone, "apply")
	if h.dockerd.Runtimes["nvidia"].Path != "/bin/nvidia" || h.dockerd.DefaultRuntime != "runsc" {
		t.Errorf("got %+v, default %s", h.dockerd.Runtimes, h.dockerd.DefaultRuntime)
	}
}
