package audit

import (
	"errors"
	"testing"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/evidence"
	"runsc-provisioner/verify"
)

// A container that dockerd names is judged in its current process: one with
// --restart=always gets another at any time.
func TestFault_V02_ContainersInAnotherProcessAreLookedAtAgain(t *testing.T) {
	const id = "0a"
	at := func(pid int) verify.Container {
		return verify.Container{ID: id, Name: "evil", Runtime: "runc", PID: pid}
	}
	info := engine.Info{Runtimes: map[string]engine.Runtime{"runc": {Path: "runc"}, "runsc": {Path: "/x/runsc"}}}
	for _, tt := range []struct {
		name string
		seen []verify.Container // in the order of the looks
		gap  verify.Gap
		now  verify.Container
		open bool
		want verify.State
	}{
		{"unchanged", []verify.Container{at(7)}, verify.Complete, at(7), false, verify.NotSandboxed},
		{"in another process", []verify.Container{at(7)}, verify.Complete, at(8), true, verify.NotSandboxed},
		{"looked at again", []verify.Container{at(7), at(8)}, verify.Complete, at(8), false, verify.NotSandboxed},
		{"started since", nil, verify.Complete, at(8), true, verify.NotSandboxed},
		{"its process has ended", []verify.Container{at(7)}, verify.Gone, at(7), true, verify.NotSandboxed},
		{"V09: cannot be read", nil, verify.Complete, verify.Container{ID: id, Unread: errors.New("answer too large")}, false, verify.Unknown},
		{"about to be restarted", []verify.Container{at(7)}, verify.Complete, verify.Container{ID: id, Runtime: "runc", Restarting: true}, false, verify.NotSandboxed},
		{"a sandbox in another process", []verify.Container{{ID: id, Runtime: "gone", PID: 7}}, verify.Complete, verify.Container{ID: id, Runtime: "gone", PID: 8}, true, verify.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := sightings{}
			for _, c := range tt.seen {
				seen.put([]verify.Container{c}, []verify.Evidence{{Gap: tt.gap, Process: verify.Process{PID: c.PID, Cgroups: []verify.Cgroup{{Path: "/docker/" + id}}}}})
			}
			now := []verify.Container{tt.now}
			if got := len(seen.unsettled(now)) == 1; got != tt.open {
				t.Errorf("got open %t, want %t", got, tt.open)
			}
			verdicts := seen.judge(now, evidence.Runtimes(info, nil), nil)
			if len(verdicts) != 1 || verdicts[0].State != tt.want {
				t.Fatalf("got %+v, want one that is %v", verdicts, tt.want)
			}
		})
	}
}

// A sandbox that dockerd is about to restart is not judged: nothing runs.
func TestSandboxBetweenTwoStarts(t *testing.T) {
	known := []verify.Release{{Name: "20260914.0", Dir: "/nowhere"}}
	runtimes := evidence.Runtimes(engine.Info{Runtimes: map[string]engine.Runtime{"runsc": {Path: "/nowhere/runsc"}}}, nil)
	now := []verify.Container{{ID: "0a", Runtime: "runsc", Restarting: true}}
	if seen := (sightings{}); len(seen.unsettled(now)) != 0 || len(seen.judge(now, runtimes, known)) != 0 {
		t.Errorf("got %d open and %d verdicts, want none", len(seen.unsettled(now)), len(seen.judge(now, runtimes, known)))
	}
}
