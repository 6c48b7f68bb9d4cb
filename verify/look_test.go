package verify

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// runtimesOf returns dockerd's runtimes with r registered.
func runtimesOf(r Release) map[string]Runtime {
	return Resolve(map[string]string{"runsc": r.Dir + "/runsc", "runc": "runc"})
}

// judgeAll looks at a tree and judges every container.
func judgeAll(t *testing.T, fs *FS, containers []Container, runtimes map[string]Runtime, releases []Release) (Report, Survey) {
	t.Helper()
	survey, err := fs.Look(t.Context(), containers, releases)
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []Verdict
	for i, c := range containers {
		verdicts = append(verdicts, Judge(c, survey.Evidence[i], runtimes, releases))
	}
	return NewReport(verdicts, survey, containers), survey
}

func TestLookAtOneSandbox(t *testing.T) {
	proc := newFakeProc(t)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	box := sandboxProcess(1000, r, containerID(1))
	proc.add(box)
	stub := sandboxProcess(1001, r, containerID(1))
	stub.parent, stub.argv = 1000, nil
	proc.add(stub)
	gofer := sandboxProcess(999, r, containerID(1))
	gofer.argv[0], gofer.exe = "runsc-gofer", r.Dir+"/runsc"
	proc.add(gofer)
	proc.add(runcProcess(1100, containerID(2)))

	report, survey := judgeAll(t, proc.fs(), []Container{container(1, 1000, "runsc")}, runtimesOf(r), []Release{r})
	want := Evidence{
		Process: Process{
			PID: 1000, Parent: 1, StartTime: 10000, Argv: box.argv,
			Exe:        Exe{ID: fileID(t, box.exe), Path: box.exe},
			UIDMap:     []IDRange{{0, 0, 4294967295}},
			Namespaces: box.namespaces,
			Cgroups:    []Cgroup{{Path: "/system.slice/docker-" + containerID(1) + ".scope"}},
			Root:       Mount{"/", "tmpfs", "runsc-root"},
			Seccomp:    2, NoNewPrivs: true, CapEff: 0x8001f,
		},
		Gap: Complete, Host: hostNamespaces, Scope: inCgroup,
		Members: []Member{
			{PID: 999, Exe: Exe{ID: fileID(t, gofer.exe)}, Gap: Complete},
			{PID: 1001, Exe: Exe{ID: fileID(t, stub.exe)}, Gap: Complete},
		},
	}
	want.Gofers = []Gofer{{Process: Process{
		PID: 999, Parent: 1, StartTime: 9990, Argv: gofer.argv, Exe: Exe{ID: fileID(t, gofer.exe), Path: gofer.exe},
		UIDMap: want.Process.UIDMap, Namespaces: gofer.namespaces, Cgroups: want.Process.Cgroups, Root: want.Process.Root,
		Seccomp: 2, NoNewPrivs: true, CapEff: 0x8001f,
	}, Gap: Complete}}
	byPID := cmpopts.SortSlices(func(a, b Member) bool { return a.PID < b.PID })
	if diff := cmp.Diff(want, survey.Evidence[0], byPID); diff != "" {
		t.Errorf("evidence -want +got:\n%s", diff)
	}
	if report.State != Sandboxed || report.Verdicts[0].Release != r.Name {
		t.Errorf("got %v of %q, want sandboxed of %q: %+v", report.State, report.Verdicts[0].Release, r.Name, report.Verdicts[0].Checks)
	}
	wantBoxes := []Sandbox{{PID: 1000, StartTime: 10000, ContainerID: containerID(1), Root: "/var/run/docker/runtime-runc/moby", File: File{r.Name, sentryPath}}}
	if diff := cmp.Diff(wantBoxes, survey.Sandboxes); diff != "" {
		t.Errorf("sandboxes -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{r.Name: 3}, survey.InUse); diff != "" {
		t.Errorf("in use -want +got:\n%s", diff)
	}
	if survey.Processes != 5 || survey.Denied != 0 || survey.ClaimCount != 0 {
		t.Errorf("got %d processes, %d denied, %d claims, want 5, 0, 0", survey.Processes, survey.Denied, survey.ClaimCount)
	}
}

// With runsc's --ignore-cgroups a sandbox stays in the shim's cgroup, and only
// its descendants can be recognised as its processes.
func TestLookWithSharedCgroupFollowsDescendants(t *testing.T) {
	for _, tt := range []struct {
		name  string
		exe   string // of a grandchild; "" is the sentry's
		group string
		want  CheckState
		state State
	}{
		{"stubs only", "", sharedCgroup, Limited, Sandboxed},
		{"a foreign descendant", "/bin/sh", sharedCgroup, Failed, NotSandboxed},
		{"the container's own cgroup with a foreign process", "/bin/sh", dockerCgroup, Failed, NotSandboxed},
		{"cgroup v1 and mixed", "", hybridCgroup, Passed, Sandboxed},
		{"cgroup v1 and mixed with a foreign process", "/bin/sh", hybridCgroup, Failed, NotSandboxed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proc := newFakeProc(t)
			r := fakeRelease(t, t.TempDir(), "20260914.0")
			group := tt.group
			if group != sharedCgroup {
				group = fmt.Sprintf(group, containerID(1))
			}
			for i, parent := range []int{1, 1000, 1001} {
				p := sandboxProcess(1000+i, r, containerID(1))
				p.parent, p.cgroup = parent, group
				if i > 0 {
					p.argv = nil
				}
				if i == 2 && tt.exe != "" {
					p.exe = tt.exe
				}
				proc.add(p)
			}
			neighbour := runcProcess(50, containerID(9))
			neighbour.cgroup = sharedCgroup
			proc.add(neighbour)
			report, _ := judgeAll(t, proc.fs(), []Container{container(1, 1000, "runsc")}, runtimesOf(r), []Release{r})
			v := report.Verdicts[0]
			if got := find(v, CheckMembers); got.State != tt.want || v.State != tt.state {
				t.Errorf("got %v (%s), %v, want %v, %v", got.State, got.Seen, v.State, tt.want, tt.state)
			}
		})
	}
}

func find(v Verdict, name string) Check {
	for _, c := range v.Checks {
		if c.Name == name {
			return c
		}
	}
	return Check{}
}

func TestFault_V08_OrphanAndDeadSandbox(t *testing.T) {
	proc := newFakeProc(t)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	proc.add(sandboxProcess(1000, r, containerID(1)))
	proc.add(sandboxProcess(1010, r, containerID(7))) // of no listed container
	proc.add(sandboxProcess(1020, r, containerID(1))) // an earlier start of container 1
	dead := container(2, 2000, "runsc")
	report, _ := judgeAll(t, proc.fs(), []Container{container(1, 1000, "runsc"), dead}, runtimesOf(r), []Release{r})
	var orphans []int
	for _, box := range report.Orphans {
		orphans = append(orphans, box.PID)
	}
	slices.Sort(orphans)
	if !slices.Equal(orphans, []int{1010, 1020}) {
		t.Errorf("got orphans %v, want 1010 and 1020", orphans)
	}
	if report.Verdicts[0].State != Sandboxed || report.Verdicts[1].State != Unknown || report.State != Unknown {
		t.Errorf("got %v, %v, %v, want sandboxed, unknown, unknown", report.Verdicts[0].State, report.Verdicts[1].State, report.State)
	}
}

func TestFault_V05_NoContainerIsNoEvidence(t *testing.T) {
	proc := newFakeProc(t)
	report, _ := judgeAll(t, proc.fs(), nil, nil, nil)
	if report.State != NoEvidence {
		t.Errorf("got %v, want no evidence", report.State)
	}
}

func TestOwnersAbove(t *testing.T) {
	parents := map[int]int{10: 1, 11: 10, 12: 11, 20: 1, 21: 20, 30: 31, 31: 30, 40: 99}
	o := owners{10: 0, 20: 1}
	got := map[int]int{}
	for pid := range maps.Keys(parents) {
		got[pid] = o.ownerAbove(pid, parents)
	}
	want := map[int]int{10: 0, 11: 0, 12: 0, 20: 1, 21: 1, 30: -1, 31: -1, 40: -1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
