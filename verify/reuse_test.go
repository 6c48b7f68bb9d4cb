package verify

import (
	"os"
	"testing"
)

func TestFault_V02_ReusedPIDIsLookedAtAgain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes int // looks during which the pid becomes another process
		want    Gap
		state   State
	}{
		{"once: the second look counts", 1, Complete, NotSandboxed},
		{"at every look", 1000, Unsteady, Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proc := newFakeProc(t)
			r := fakeRelease(t, t.TempDir(), "20260914.0")
			proc.add(sandboxProcess(1000, r, containerID(1)))
			fs := proc.fs()
			changed := 0
			fs.onLook = func(pid int) {
				if changed++; changed > tt.changes {
					return
				}
				if err := os.RemoveAll(proc.path(pid, "")); err != nil {
					t.Fatal(err)
				}
				other := runcProcess(pid, containerID(1))
				other.start = uint64(5000 + changed)
				proc.add(other)
			}
			report, survey := judgeAll(t, fs, []Container{container(1, 1000, "runsc")}, runtimesOf(r), []Release{r})
			if e := survey.Evidence[0]; e.Gap != tt.want || report.State != tt.state {
				t.Errorf("got gap %d (%v), %v, want %d, %v", e.Gap, e.Why, report.State, tt.want, tt.state)
			}
		})
	}
}

func TestFault_V02_ProcessExecutesAnotherFileDuringTheLook(t *testing.T) {
	proc := newFakeProc(t)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	proc.add(sandboxProcess(1000, r, containerID(1)))
	fs := proc.fs()
	fs.onLook = func(pid int) {
		fs.onLook = nil
		if err := os.Remove(proc.path(pid, "exe")); err != nil {
			t.Fatal(err)
		}
		proc.link("/bin/sh", proc.path(pid, "exe"))
	}
	report, _ := judgeAll(t, fs, []Container{container(1, 1000, "runsc")}, runtimesOf(r), []Release{r})
	if got := find(report.Verdicts[0], CheckExecutable); got.State != Failed {
		t.Errorf("got executable %v (%s), want failed", got.State, got.Seen)
	}
}

// The process ends in the middle of one look, and its successor does not exist
// yet at the next.
func TestFault_V02_PIDIsFreeForAMoment(t *testing.T) {
	proc := newFakeProc(t)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	proc.add(sandboxProcess(1000, r, containerID(1)))
	fs := proc.fs()
	look := 0
	fs.onLook = func(pid int) {
		switch look++; look {
		case 1:
			if err := os.RemoveAll(proc.path(pid, "")); err != nil {
				t.Fatal(err)
			}
		case 2:
			proc.add(runcProcess(pid, containerID(1)))
		}
	}
	report, survey := judgeAll(t, fs, []Container{container(1, 1000, "runsc")}, runtimesOf(r), []Release{r})
	if e := survey.Evidence[0]; e.Gap != Complete || report.State != NotSandboxed {
		t.Errorf("got gap %d (%v), %v, want complete, not sandboxed", e.Gap, e.Why, report.State)
	}
}
