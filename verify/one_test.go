package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// lists writes the kernel's lists of the added processes: cgroup.procs and
// children.
func (p *fakeProc) lists() string {
	p.tb.Helper()
	cgroups := p.tb.TempDir()
	procs, children := map[string]string{}, map[int]string{}
	for _, f := range p.added {
		children[f.parent] += fmt.Sprintf("%d ", f.pid)
		for line := range strings.Lines(f.cgroup) {
			parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
			dir := filepath.Join(cgroups, strings.TrimPrefix(parts[1], "name="), parts[2])
			procs[dir] += fmt.Sprintf("%d\n", f.pid)
		}
	}
	for dir, text := range procs {
		p.mkdir(dir)
		p.write(filepath.Join(dir, "cgroup.procs"), text)
	}
	for _, f := range p.added {
		task := p.path(f.pid, fmt.Sprintf("task/%d", f.pid))
		p.mkdir(task)
		p.write(filepath.Join(task, "children"), children[f.pid])
	}
	return cgroups
}

func (p *fakeProc) mkdir(dir string) {
	p.tb.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.tb.Fatal(err)
	}
}

// A look at a few containers sees the same as a look at everything, and opens
// no file of other processes.
func TestLookAtSeesWhatLookSees(t *testing.T) {
	for name, group := range map[string]string{"own cgroup": dockerCgroup, "shared cgroup": sharedCgroup, "v1 and mixed": hybridCgroup} {
		t.Run(name, func(t *testing.T) {
			proc := newFakeProc(t)
			r := fakeRelease(t, t.TempDir(), "20260914.0")
			var containers []Container
			proc.add(fakeProcess{pid: 10, parent: 1, argv: []string{"shim"}, exe: "/bin/sh", cgroup: sharedCgroup})
			for n := range 3 {
				pid := 1000 + 10*n
				own := group
				if group != sharedCgroup {
					own = fmt.Sprintf(group, containerID(n))
				}
				for i, parent := range []int{10, pid, pid + 1} {
					p := sandboxProcess(pid+i, r, containerID(n))
					p.parent, p.cgroup = parent, own
					if i > 0 {
						p.argv = nil
					}
					if n == 1 && i == 2 {
						p.exe = "/bin/sh" // a stranger
					}
					proc.add(p)
				}
				gofer := sandboxProcess(pid+3, r, containerID(n))
				gofer.parent, gofer.cgroup, gofer.argv[0], gofer.exe = 10, own, "runsc-gofer", r.Dir+"/runsc"
				proc.add(gofer)
				containers = append(containers, container(n, pid, "runsc"))
			}
			fs := proc.fs()
			fs.Cgroup = proc.lists()
			whole, err := fs.Look(t.Context(), containers[:2], []Release{r})
			if err != nil {
				t.Fatal(err)
			}
			// No other process is read: the third container's directory is
			// gone, and the evidence for these two is as before.
			if err := os.RemoveAll(proc.path(1020, "")); err != nil {
				t.Fatal(err)
			}
			some, err := fs.LookAt(t.Context(), containers[:2], []Release{r})
			if err != nil {
				t.Fatal(err)
			}
			byPID := cmpopts.SortSlices(func(a, b Member) bool { return a.PID < b.PID })
			if diff := cmp.Diff(whole.Evidence, some.Evidence, byPID); diff != "" {
				t.Errorf("evidence -look +look at:\n%s", diff)
			}
			if len(some.Evidence[0].Members) != 3 || len(some.Evidence[0].Gofers) != 1 {
				t.Errorf("got %d members and %d gofers, want 3 and 1", len(some.Evidence[0].Members), len(some.Evidence[0].Gofers))
			}
			if some.Processes > 9 && group != sharedCgroup {
				t.Errorf("got %d processes looked at, want those of two containers", some.Processes)
			}
		})
	}
}

func TestLookAtWithoutTheKernelsListsIsLook(t *testing.T) {
	proc := newFakeProc(t)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	proc.add(sandboxProcess(1000, r, containerID(1)))
	for _, cgroups := range []string{"", t.TempDir()} {
		fs := proc.fs()
		fs.Cgroup = cgroups
		got, err := fs.LookAt(t.Context(), []Container{container(1, 1000, "runsc")}, []Release{r})
		if err != nil || got.Processes != 2 || got.Evidence[0].Gap != Complete {
			t.Errorf("lists in %q: got %d processes, %+v, %v, want 2, complete, nil", cgroups, got.Processes, got.Evidence[0].Gap, err)
		}
	}
}

func TestOthersAreFoundByTheirCgroup(t *testing.T) {
	proc := newFakeProc(t)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	proc.add(sandboxProcess(1000, r, containerID(1)))
	for i, group := range []string{"0::/machine.slice/libpod-%s.scope/container\n", "0::/kubepods.slice/pod1/cri-containerd-%s.scope\n", "0::/docker/%s\n", "0::/x/%s\n"} {
		p := runcProcess(2000+i, containerID(10+i))
		p.cgroup = fmt.Sprintf(group, containerID(10+i))
		proc.add(p)
	}
	fs := proc.fs()
	got, err := fs.Look(t.Context(), []Container{container(1, 1000, "runsc")}, []Release{r})
	if err != nil {
		t.Fatal(err)
	}
	var engines []string
	for _, o := range got.Others {
		engines = append(engines, o.Engine)
	}
	if diff := cmp.Diff([]string{"podman", "containerd", "docker", ""}, engines); diff != "" {
		t.Errorf("engines -want +got:\n%s", diff)
	}
	// If the host is itself a container, its own ID makes no Other.
	nested := newFakeProc(t)
	if err := os.WriteFile(nested.path(1, "cgroup"), fmt.Appendf(nil, "0::/docker/%s\n", containerID(7)), 0o644); err != nil {
		t.Fatal(err)
	}
	nested.add(runcProcess(50, containerID(7)))
	fs = nested.fs()
	if got, err := fs.Look(t.Context(), nil, nil); err != nil || len(got.Others) != 0 {
		t.Errorf("in a container: got %+v, %v, want none", got.Others, err)
	}
}
