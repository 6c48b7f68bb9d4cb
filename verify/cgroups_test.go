package verify

import (
	"fmt"
	"testing"
)

// A program with a delegated cgroup gives its children any name, even a
// container's.
func TestFault_V01_CgroupsOfOthersWithAContainersID(t *testing.T) {
	id := containerID(1)
	podman := containerID(7)
	for _, tt := range []struct {
		name   string
		cgroup string // of the stranger
		shared bool   // the sandbox has no cgroup of its own
		others []string
		want   State
	}{
		{"below the container's", "0::/system.slice/docker-" + id + ".scope/x", false, nil, NotSandboxed},
		{"another part of the name", "0::/system.slice/docker-" + id + ".scope.d/x", false, []string{id}, Sandboxed},
		{"in a user's cgroup", "0::/user.slice/docker-" + id + ".scope", false, []string{id}, Sandboxed},
		{"in a user's cgroup, for a sandbox without one", "0::/user.slice/docker-" + id + ".scope", true, []string{id}, Sandboxed},
		{"another container below it", "0::/user.slice/docker-" + id + ".scope/libpod-" + podman + ".scope", true, []string{podman}, Sandboxed},
		{"the container's below another", "0::/user.slice/libpod-" + podman + ".scope/docker-" + id + ".scope", false, []string{id}, Sandboxed},
		{"another container below the container's", "0::/system.slice/docker-" + id + ".scope/docker-" + podman + ".scope", false, nil, NotSandboxed},
		{"another hierarchy", "5:pids:/system.slice/docker-" + id + ".scope", false, []string{id}, Sandboxed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proc := newFakeProc(t)
			r := fakeRelease(t, t.TempDir(), "20260914.0")
			sandbox := sandboxProcess(1000, r, id)
			if tt.shared {
				sandbox.cgroup = sharedCgroup
			}
			proc.add(sandbox)
			stranger := runcProcess(1100, containerID(9))
			stranger.cgroup = tt.cgroup + "\n"
			proc.add(stranger)
			c := container(1, 1000, "runsc")
			report, _ := judgeAll(t, proc.fs(), []Container{c}, runtimesOf(r), []Release{r})
			if got := report.Verdicts[0]; got.State != tt.want {
				t.Errorf("got %v (%s), want %v", got.State, got.Why(), tt.want)
			}
			var others []string
			for _, o := range report.Others {
				others = append(others, o.ID)
				if o.Borrowed != (o.ID == id) {
					t.Errorf("%s: got borrowed %t", o.ID, o.Borrowed)
				}
			}
			if fmt.Sprint(others) != fmt.Sprint(tt.others) {
				t.Errorf("got others %v, want %v", others, tt.others)
			}
		})
	}
}

// Any user may run the genuine file as a gofer with any arguments.
func TestFault_V01_ForgedGoferBelongsToNoContainer(t *testing.T) {
	for _, parent := range []int{1, 77, 1000} {
		proc := newFakeProc(t)
		r := fakeRelease(t, t.TempDir(), "20260914.0")
		shim := runcProcess(10, containerID(8))
		shim.cgroup = sharedCgroup
		proc.add(shim)
		sandbox := sandboxProcess(1000, r, containerID(1))
		sandbox.parent, sandbox.cgroup = 10, sharedCgroup
		proc.add(sandbox)
		for pid, parent := range map[int]int{1001: 10, 1100: parent} {
			gofer := sandboxProcess(pid, r, containerID(1))
			gofer.parent, gofer.cgroup, gofer.argv[0], gofer.exe = parent, sharedCgroup, "runsc-gofer", r.Dir+"/runsc"
			if pid == 1100 {
				gofer.status = plainStatus
			}
			proc.add(gofer)
		}
		report, survey := judgeAll(t, proc.fs(), []Container{container(1, 1000, "runsc")}, runtimesOf(r), []Release{r})
		// A descendant of the sandbox belongs to it, so it must be confined.
		want, gofers := Sandboxed, 1
		if parent == 1000 {
			want, gofers = NotSandboxed, 2
		}
		if got := report.Verdicts[0]; got.State != want || len(survey.Evidence[0].Gofers) != gofers {
			t.Errorf("parent %d: got %v (%s), %d gofers, want %v, %d", parent, got.State, got.Why(), len(survey.Evidence[0].Gofers), want, gofers)
		}
	}
}

// With the driver cgroupfs a container may run below another one's cgroup. It
// is still judged on its own.
func TestContainerBelowAnothersCgroup(t *testing.T) {
	proc := newFakeProc(t)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	victim := sandboxProcess(1000, r, containerID(1))
	victim.cgroup = "0::/docker/" + containerID(1) + "\n"
	proc.add(victim)
	evil := runcProcess(1100, containerID(2))
	evil.cgroup = "0::/docker/" + containerID(1) + "/" + containerID(2) + "\n"
	proc.add(evil)
	report, _ := judgeAll(t, proc.fs(), []Container{container(1, 1000, "runsc"), container(2, 1100, "runc")}, runtimesOf(r), []Release{r})
	for i, want := range []State{Sandboxed, NotSandboxed} {
		if got := report.Verdicts[i]; got.State != want {
			t.Errorf("container %d: got %v (%s), want %v", i+1, got.State, got.Why(), want)
		}
	}
}
