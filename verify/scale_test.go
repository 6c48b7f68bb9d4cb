package verify

import (
	"fmt"
	"os"
	"testing"
)

// crowd fills a tree up to total processes: sandboxes of one container each,
// with a gofer and a stub, and other processes.
func crowd(proc *fakeProc, r Release, total, sandboxes int) []Container {
	var containers []Container
	pid := 1000
	for n := range sandboxes {
		id := containerID(n)
		box := sandboxProcess(pid, r, id)
		gofer := fakeProcess{pid: pid + 1, parent: 1, argv: []string{"runsc-gofer", id}, exe: r.Dir + "/runsc", cgroup: box.cgroup}
		stub := fakeProcess{pid: pid + 2, parent: pid, exe: box.exe, cgroup: box.cgroup}
		for _, p := range []fakeProcess{box, gofer, stub} {
			proc.add(p)
		}
		containers = append(containers, container(n, pid, "runsc"))
		pid += 3
	}
	for made := 3 * sandboxes; made < total; made++ {
		p := fakeProcess{pid: pid, parent: 1, argv: []string{"worker", fmt.Sprint(pid)}, exe: "/bin/sh", cgroup: "0::/user.slice\n"}
		switch made % 10 {
		case 0: // a kernel thread
			p.argv, p.exe = nil, ""
		case 1: // no arguments at all
			p.argv = nil
		}
		proc.add(p)
		pid++
	}
	return containers
}

func TestFault_V07_ThousandSandboxesAmongTenThousandProcesses(t *testing.T) {
	const total, sandboxes = 10_000, 1000
	proc := newFakeProc(t)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	containers := crowd(proc, r, total, sandboxes)
	// Half of the other processes end during the look.
	gone := 0
	fs := proc.fs()
	fs.onLook = func(int) {
		for range 3 {
			if pid := 1000 + 3*sandboxes + gone; gone < (total-3*sandboxes)/2 {
				if err := os.RemoveAll(proc.path(pid, "")); err != nil {
					t.Fatal(err)
				}
				gone++
			}
		}
	}
	report, survey := judgeAll(t, fs, containers, runtimesOf(r), []Release{r})
	if report.State != Sandboxed || len(report.Verdicts) != sandboxes || len(report.Orphans) != 0 {
		t.Errorf("got %v of %d, %d orphans, want sandboxed of %d, none", report.State, len(report.Verdicts), len(report.Orphans), sandboxes)
	}
	if survey.InUse[r.Name] != 3*sandboxes || len(survey.Sandboxes) != sandboxes {
		t.Errorf("got %v in use, %d sandboxes, want %d, %d", survey.InUse, len(survey.Sandboxes), 3*sandboxes, sandboxes)
	}
	for _, v := range report.Verdicts {
		if v.State != Sandboxed {
			t.Errorf("%s: got %v, want sandboxed: %+v", v.Container.Name, v.State, v.Checks)
			break
		}
	}
}

func BenchmarkLook(b *testing.B) {
	for _, total := range []int{1000, 5000, 20_000} {
		proc := newFakeProc(b)
		r := fakeRelease(b, b.TempDir(), "20260914.0")
		containers := crowd(proc, r, total, 50)
		fs := proc.fs()
		for name, wanted := range map[string][]Container{"sandboxes": nil, "containers": containers} {
			b.Run(fmt.Sprintf("%s/processes=%d", name, total), func(b *testing.B) {
				for b.Loop() {
					if _, err := fs.Look(b.Context(), wanted, []Release{r}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(total), "ns/process")
			})
		}
	}
}
