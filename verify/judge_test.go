package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A scene is everything that Judge is given: at first, that of a correct sandbox.
type scene struct {
	container Container
	evidence  Evidence
	runtimes  map[string]Runtime
	releases  []Release
}

const digest = "091dfad08572deeed08c318e1b2e30f63c599dd491934f66ed3ef316757d3c12"

func newScene() *scene {
	runsc, sentry := FileID{65024, 10}, FileID{65024, 11}
	old := Release{
		Name: "20260907.0", Dir: "/usr/local/lib/gvisor/20260907.0", Store: "/usr/local/lib/gvisor", Files: map[FileID]string{},
		Digests: map[string]string{digest: sentryPath},
	}
	r := Release{
		Name: "20260914.0", Dir: "/usr/local/lib/gvisor/20260914.0", Store: "/usr/local/lib/gvisor",
		Files: map[FileID]string{runsc: runscPath, sentry: sentryPath, {65024, 12}: "gvisor-bin/checkpointgofer"},
	}
	own := maps.Clone(hostNamespaces)
	for kind := range own {
		own[kind] -= 9000
	}
	id := containerID(1)
	confined := maps.Clone(own)
	delete(confined, "user") // older releases' share the host's
	gofer := Process{PID: 306, Argv: []string{"runsc-gofer", "gofer", id}, Exe: Exe{ID: runsc}, Namespaces: confined, Seccomp: 2, NoNewPrivs: true, CapEff: 0x4001f}
	return &scene{
		container: Container{ID: id, Name: "web", Runtime: "runsc", PID: 307},
		evidence: Evidence{
			Process: Process{
				PID: 307, Parent: 287, StartTime: 237746, Argv: []string{"runsc-sandbox", "boot", id},
				Exe:        Exe{ID: sentry, Path: r.Dir + "/" + sentryPath},
				UIDMap:     []IDRange{{0, 0, 4294967295}},
				Namespaces: own, Cgroups: []Cgroup{{Path: "/docker/" + id}},
				Root: Mount{"/", "tmpfs", "runsc-root"}, Seccomp: 2, NoNewPrivs: true,
			},
			Gap: Complete, Host: hostNamespaces, Scope: inCgroup, Gofers: []Gofer{{gofer, Complete}},
			Members: []Member{{PID: 306, Exe: Exe{ID: runsc}, Gap: Complete}, {PID: 325, Exe: Exe{ID: sentry}, Gap: Complete}},
		},
		runtimes: map[string]Runtime{
			"runsc": {Path: r.Dir + "/runsc", Target: r.Dir + "/runsc", File: runsc},
			"runc":  {Path: "runc", Target: "runc"},
		},
		releases: []Release{old, r},
	}
}

// adopt makes it a sandbox of a gVisor that the runtime led to before.
func (s *scene) adopt() {
	const dev = 2049
	s.evidence.Process.Exe = Exe{ID: FileID{dev, 5}, Path: "/usr/local/bin/runsc"}
	s.evidence.Gofers = nil // only those of a release are known
	for i := range s.evidence.Members {
		s.evidence.Members[i].Exe = s.evidence.Process.Exe
	}
	runsc := s.runtimes["runsc"]
	runsc.Earlier = map[FileID]bool{{dev, 5}: true}
	s.runtimes["runsc"] = runsc
}

func TestWhyAVerdictIsUnknown(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*scene)
		want   Doubt
	}{
		"a sandbox": {func(*scene) {}, NoDoubt},
		"a sandbox of a release that the runtime led to before, as a package's": {func(s *scene) {
			runsc := s.runtimes["runsc"]
			runsc.Earlier = map[FileID]bool{s.evidence.Process.Exe.ID: true}
			for _, m := range s.evidence.Members {
				runsc.Earlier[m.Exe.ID] = true
			}
			s.runtimes["runsc"] = runsc
		}, NoDoubt},
		"not sandboxed":          {func(s *scene) { s.container.Runtime = "runc" }, NoDoubt},
		"not readable":           {func(s *scene) { s.evidence.Gap = Denied }, DoubtUnread},
		"a gofer not readable":   {func(s *scene) { s.evidence.Gofers[0].Gap = Denied }, DoubtUnread},
		"adopted":                {(*scene).adopt, DoubtRelease},
		"a runtime that is gone": {func(s *scene) { s.container.Runtime = "gone" }, DoubtUnregistered},
		"a shim":                 {func(s *scene) { s.runtimes["runsc"] = Runtime{Type: "io.containerd.runsc.v1"} }, DoubtShim},
		"a shim, not readable": {func(s *scene) {
			s.runtimes["runsc"], s.evidence.Gap = Runtime{Type: "io.containerd.runsc.v1"}, Denied
		}, DoubtUnread},
		"dockerd's answer is unusable": {func(s *scene) { s.container.Unread = errors.New("too long") }, DoubtUnread},
	} {
		s := newScene()
		tt.change(s)
		if got := Judge(s.container, s.evidence, s.runtimes, s.releases); got.Doubt != tt.want {
			t.Errorf("%s: got %d (%s), want %d", name, got.Doubt, got.Why(), tt.want)
		}
	}
}

func TestWhichIDsAContainerHas(t *testing.T) {
	given := []IDRange{{0, 100000, 65536}}
	for name, tt := range map[string]struct {
		c    Container
		seen []IDRange
		want Remap
	}{
		"the host's":                 {Container{}, []IDRange{{0, 0, 1<<32 - 1}}, RemapHost},
		"given":                      {Container{UIDMap: given, RemapRoot: 100000}, given, Remapped},
		"not those given":            {Container{UIDMap: given, RemapRoot: 100000}, []IDRange{{0, 100000, 1}}, RemapOther},
		"of a remap that is foreign": {Container{RemapRoot: 100000}, []IDRange{{0, 100000, 65536}}, Remapped},
		"not of that":                {Container{RemapRoot: 100000}, []IDRange{{0, 1000, 1}}, RemapOther},
		"none":                       {Container{RemapRoot: 100000}, nil, RemapOther},
	} {
		if got := remapOf(tt.c, Evidence{Process: Process{UIDMap: tt.seen}}, Check{State: Passed}); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*scene)
		want   State
		checks map[string]CheckState // those that are not Passed
	}{
		{"a sandbox", func(*scene) {}, Sandboxed, nil},
		{"adopted from another gVisor, and started before", (*scene).adopt, Unknown, map[string]CheckState{CheckExecutable: Unread, CheckMembers: Unread, CheckGofer: Limited}},
		{"V01: the same, in the host's mount namespace", func(s *scene) {
			s.adopt()
			s.evidence.Process.Namespaces["mnt"] = hostNamespaces["mnt"]
		}, NotSandboxed, map[string]CheckState{CheckExecutable: Failed, CheckMembers: Failed, CheckNamespaces: Failed, CheckGofer: Limited}},
		{"V01: the same, with another program", func(s *scene) {
			s.adopt()
			s.evidence.Members[0].Exe.ID.Ino++
		}, NotSandboxed, map[string]CheckState{CheckExecutable: Failed, CheckMembers: Failed, CheckGofer: Limited}},
		{"V01: the same, with a runtime that is no release", func(s *scene) {
			s.adopt()
			s.container.Runtime = "runc"
		}, NotSandboxed, map[string]CheckState{CheckRuntime: Failed, CheckExecutable: Failed, CheckMembers: Failed, CheckGofer: Limited}},
		{"no gofer", func(s *scene) { s.evidence.Gofers = nil }, Sandboxed, map[string]CheckState{CheckGofer: Limited}},
		{"an unreadable gofer", func(s *scene) { s.evidence.Gofers[0].Gap = Denied }, Unknown, map[string]CheckState{CheckGofer: Unread}},
		{"a gofer without a filter", func(s *scene) { s.evidence.Gofers[0].Process.Seccomp = 0 }, NotSandboxed, map[string]CheckState{CheckGofer: Failed}},
		{"a gofer that may gain privileges", func(s *scene) { s.evidence.Gofers[0].Process.NoNewPrivs = false }, NotSandboxed, map[string]CheckState{CheckGofer: Failed}},
		{"a gofer with the host's files", func(s *scene) { s.evidence.Gofers[0].Process.Namespaces["mnt"] = hostNamespaces["mnt"] }, NotSandboxed, map[string]CheckState{CheckGofer: Failed}},
		{"a gofer with root's capabilities on the host", func(s *scene) { s.evidence.Gofers[0].Process.CapEff = 0x1ffffffffff }, NotSandboxed, map[string]CheckState{CheckGofer: Failed}},
		{"root's capabilities on the host", func(s *scene) { s.evidence.Process.CapEff = 1 << 21 }, NotSandboxed, map[string]CheckState{CheckCaps: Failed}},
		{"V01: a deleted copy at the store's path in a container's own root", func(s *scene) {
			s.releases[0].Dev = 65024
			s.evidence.Process.Exe = Exe{ID: FileID{78, 77}, Path: "/usr/local/lib/gvisor/20260907.0/" + sentryPath, Deleted: true, Digest: digest}
			s.evidence.Members = nil
		}, NotSandboxed, map[string]CheckState{CheckExecutable: Failed}},
		{"runsc boots the sandbox, as in older releases", func(s *scene) { s.evidence.Process.Exe.ID.Ino = 10 }, Sandboxed, nil},
		{"V01: runtime runc", func(s *scene) { s.container.Runtime = "runc" }, NotSandboxed, map[string]CheckState{CheckRuntime: Failed}},
		{"V01: a copy of runsc elsewhere as the runtime", func(s *scene) {
			s.runtimes["runsc"] = Runtime{Path: "/opt/runsc", Target: "/opt/runsc", File: FileID{65024, 99}}
		}, NotSandboxed, map[string]CheckState{CheckRuntime: Failed}},
		{"V01: another file of the release as the runtime", func(s *scene) {
			s.runtimes["runsc"] = Runtime{Path: "/x", Target: "/x", File: FileID{65024, 12}}
		}, NotSandboxed, map[string]CheckState{CheckRuntime: Failed}},
		{"runtime by shim type, without a path", func(s *scene) { s.runtimes["runsc"] = Runtime{} }, NotSandboxed, map[string]CheckState{CheckRuntime: Failed}},
		{"runtime's name unknown by now", func(s *scene) { delete(s.runtimes, "runsc") }, Unknown, map[string]CheckState{CheckRuntime: Unread}},
		{"runtime behind an unreadable directory", func(s *scene) {
			s.runtimes["runsc"] = Runtime{Path: "/x/runsc", Target: "/x/runsc", Err: fs.ErrPermission}
		}, Unknown, map[string]CheckState{CheckRuntime: Unread}},
		{"runtime's file deleted from its release", func(s *scene) {
			s.runtimes["runsc"] = Runtime{Path: s.releases[0].Dir + "/runsc", Err: fs.ErrNotExist}
		}, Sandboxed, nil},
		{"another file in place of the release's", func(s *scene) {
			path := s.releases[1].Dir + "/runsc"
			s.runtimes["runsc"] = Runtime{Path: path, Target: path, File: FileID{65024, 99}}
		}, NotSandboxed, map[string]CheckState{CheckRuntime: Failed}},
		{"runtime's file deleted elsewhere", func(s *scene) {
			s.runtimes["runsc"] = Runtime{Path: "/opt/runsc", Target: "/opt/runsc", Err: fs.ErrNotExist}
		}, NotSandboxed, map[string]CheckState{CheckRuntime: Failed}},
		{"V03: a deleted file of an older release", func(s *scene) {
			s.evidence.Process.Exe = Exe{ID: FileID{65024, 77}, Path: "/usr/local/lib/gvisor/.gone/" + sentryPath, Deleted: true, Digest: digest}
			s.evidence.Members = nil
		}, Sandboxed, nil},
		{"V03: a deleted file with other bytes", func(s *scene) {
			s.evidence.Process.Exe = Exe{ID: FileID{65024, 77}, Path: "/usr/local/lib/gvisor/x", Deleted: true, Digest: "00"}
			s.evidence.Members = nil
		}, NotSandboxed, map[string]CheckState{CheckExecutable: Failed}},
		{"V01: a deleted copy from elsewhere with the right bytes", func(s *scene) {
			s.evidence.Process.Exe = Exe{ID: FileID{65024, 77}, Path: "/tmp/gvisor_sentry", Deleted: true, Digest: digest}
			s.evidence.Members = nil
		}, NotSandboxed, map[string]CheckState{CheckExecutable: Failed}},
		{"V01: the right digest without being deleted", func(s *scene) {
			s.evidence.Process.Exe = Exe{ID: FileID{65024, 77}, Path: "/usr/local/lib/gvisor/x", Digest: digest}
			s.evidence.Members = nil
		}, NotSandboxed, map[string]CheckState{CheckExecutable: Failed}},
		{"V01: the name alone, without a release file", func(s *scene) {
			s.evidence.Process.Exe = Exe{ID: FileID{8, 1}, Path: "/bin/sleep"}
			s.evidence.Members = nil
		}, NotSandboxed, map[string]CheckState{CheckExecutable: Failed}},
		{"another file of the release", func(s *scene) { s.evidence.Process.Exe.ID.Ino = 12 }, NotSandboxed, map[string]CheckState{CheckExecutable: Failed}},
		{"runsc's --network=host", func(s *scene) {
			s.evidence.Process.Namespaces["user"] = hostNamespaces["user"]
			s.evidence.Process.Argv = []string{"runsc-sandbox", "--network=host", "boot", s.container.ID}
		}, Sandboxed, map[string]CheckState{CheckNamespaces: Limited}},
		{"the host's user namespace, and --network=host not last", func(s *scene) {
			s.evidence.Process.Namespaces["user"] = hostNamespaces["user"]
			s.evidence.Process.Argv = []string{"runsc-sandbox", "--network=host", "--network=sandbox", "boot", s.container.ID}
		}, NotSandboxed, map[string]CheckState{CheckNamespaces: Failed}},
		{"the host's user namespace, and --network=host for the application", func(s *scene) {
			s.evidence.Process.Namespaces["user"] = hostNamespaces["user"]
			s.evidence.Process.Argv = []string{"runsc-sandbox", "boot", "--network=host", s.container.ID}
		}, NotSandboxed, map[string]CheckState{CheckNamespaces: Failed}},
		{"more of the host's namespaces, with --network=host", func(s *scene) {
			s.evidence.Process.Namespaces["user"], s.evidence.Process.Namespaces["mnt"] = hostNamespaces["user"], hostNamespaces["mnt"]
			s.evidence.Process.Argv = []string{"runsc-sandbox", "--network=host", "boot", s.container.ID}
		}, NotSandboxed, map[string]CheckState{CheckNamespaces: Failed}},
		{"a runtime by its shim", func(s *scene) { s.runtimes["runsc"] = Runtime{Type: "io.containerd.runsc.v1"} }, Unknown, map[string]CheckState{CheckRuntime: Unread}},
		{"a shim that dockerd ignores", func(s *scene) {
			s.runtimes["runsc"] = Runtime{Type: "io.containerd.runsc.v1", TypeIgnored: true}
		}, NotSandboxed, map[string]CheckState{CheckRuntime: Failed}},
		{"another runtime by its shim", func(s *scene) { s.runtimes["runsc"] = Runtime{Type: "io.containerd.runc.v2"} }, NotSandboxed, map[string]CheckState{CheckRuntime: Failed}},
		{"argv[0] is not a sandbox's", func(s *scene) { s.evidence.Process.Argv[0] = "runsc-gofer" }, NotSandboxed, map[string]CheckState{CheckArguments: Failed}},
		{"short ID as the last argument", func(s *scene) { s.evidence.Process.Argv[2] = s.container.ID[:12] }, NotSandboxed, map[string]CheckState{CheckArguments: Failed}},
		{"another container's ID", func(s *scene) { s.evidence.Process.Argv[2] = containerID(2) }, NotSandboxed, map[string]CheckState{CheckArguments: Failed}},
		{"the ID not last", func(s *scene) { s.evidence.Process.Argv = append(s.evidence.Process.Argv, "x") }, NotSandboxed, map[string]CheckState{CheckArguments: Failed}},
		{"arguments cut", func(s *scene) { s.evidence.Process.ArgvCut = true }, Unknown, map[string]CheckState{CheckArguments: Unread}},
		{"arguments cut, and no cgroup that names the container", func(s *scene) {
			s.evidence.Process.ArgvCut, s.evidence.Process.Cgroups = true, nil
		}, Unknown, map[string]CheckState{CheckProcess: Unread}},
		{"no arguments", func(s *scene) { s.evidence.Process.Argv = nil }, NotSandboxed, map[string]CheckState{CheckArguments: Failed}},
		{"the host's user namespace", func(s *scene) { s.evidence.Process.Namespaces["user"] = hostNamespaces["user"] }, NotSandboxed, map[string]CheckState{CheckNamespaces: Failed}},
		{"the host's mount namespace", func(s *scene) { s.evidence.Process.Namespaces["mnt"] = hostNamespaces["mnt"] }, NotSandboxed, map[string]CheckState{CheckNamespaces: Failed}},
		{"the host's network and pid namespace, as in older releases", func(s *scene) {
			s.evidence.Process.Namespaces["net"] = hostNamespaces["net"]
			s.evidence.Process.Namespaces["pid"] = hostNamespaces["pid"]
		}, Sandboxed, nil},
		{"the host's namespaces unknown", func(s *scene) { s.evidence.Host = nil }, Unknown, map[string]CheckState{CheckNamespaces: Unread}},
		{"V01: the image as root", func(s *scene) { s.evidence.Process.Root = Mount{"/", "overlay", "overlay"} }, NotSandboxed, map[string]CheckState{CheckRoot: Failed}},
		{"V01: an image kept in a tmpfs", func(s *scene) { s.evidence.Process.Root.Root = "/vfs/dir/x" }, NotSandboxed, map[string]CheckState{CheckRoot: Failed}},
		{"no filter", func(s *scene) { s.evidence.Process.Seccomp = 0 }, NotSandboxed, map[string]CheckState{CheckSeccomp: Failed}},
		{"strict seccomp", func(s *scene) { s.evidence.Process.Seccomp = 1 }, NotSandboxed, map[string]CheckState{CheckSeccomp: Failed}},
		{"new privileges", func(s *scene) { s.evidence.Process.NoNewPrivs = false }, NotSandboxed, map[string]CheckState{CheckPrivileges: Failed}},
		{"remapped", func(s *scene) {
			s.container.UIDMap = []IDRange{{0, 100000, 65536}}
			s.evidence.Process.UIDMap = []IDRange{{0, 100000, 65536}}
			s.evidence.Members[0].UIDMap = s.evidence.Process.UIDMap
			s.evidence.Members[1].UIDMap = []IDRange{{0, 100000, 1}}
		}, Sandboxed, nil},
		{"U: remapped, but not its gofer", func(s *scene) {
			s.container.UIDMap = []IDRange{{0, 100000, 65536}}
			s.evidence.Process.UIDMap = s.container.UIDMap
			s.evidence.Members[0].UIDMap = []IDRange{{0, 0, 4294967295}}
			s.evidence.Members[1].UIDMap = s.container.UIDMap
		}, NotSandboxed, map[string]CheckState{CheckUIDMap: Failed}},
		{"U: remapped, and its gofer unreadable", func(s *scene) {
			s.container.UIDMap = []IDRange{{0, 100000, 65536}}
			s.evidence.Process.UIDMap = s.container.UIDMap
		}, Unknown, map[string]CheckState{CheckUIDMap: Unread}},
		{"should be remapped", func(s *scene) { s.container.UIDMap = []IDRange{{0, 100000, 65536}} }, NotSandboxed, map[string]CheckState{CheckUIDMap: Failed}},
		{"a foreign process in its cgroup", func(s *scene) { s.evidence.Members[1].Exe.ID = FileID{8, 1} }, NotSandboxed, map[string]CheckState{CheckMembers: Failed}},
		{"two releases in its cgroup", func(s *scene) {
			s.releases[0].Files[FileID{65024, 20}] = sentryPath
			s.evidence.Members[1].Exe.ID.Ino = 20
		}, NotSandboxed, map[string]CheckState{CheckMembers: Failed}},
		{"an unreadable member", func(s *scene) { s.evidence.Members[1].Gap = Denied }, Unknown, map[string]CheckState{CheckMembers: Unread}},
		{"more members than were kept", func(s *scene) { s.evidence.MembersCut = true }, Unknown, map[string]CheckState{CheckMembers: Unread}},
		{"members not looked for", func(s *scene) { s.evidence.Scope = nowhere }, Unknown, map[string]CheckState{CheckGofer: Unread, CheckMembers: Unread}},
		{"a shared cgroup", func(s *scene) {
			s.evidence.Scope, s.evidence.Process.Cgroups = descendants, []Cgroup{{Path: "/system.slice/containerd.service"}}
		}, Sandboxed, map[string]CheckState{CheckMembers: Limited}},
		{"V06: unreadable", func(s *scene) { s.evidence = Evidence{Gap: Denied, Why: fs.ErrPermission} }, Unknown, map[string]CheckState{CheckProcess: Unread}},
		{"V06: another pid namespace, where no process has the pid", func(s *scene) { s.evidence = Evidence{Gap: Gone} }, Unknown, map[string]CheckState{CheckProcess: Unread}},
		{"V06: not looked at", func(s *scene) { s.evidence = Evidence{} }, Unknown, map[string]CheckState{CheckProcess: Unread}},
		{"V04: runc, and nothing could be read", func(s *scene) {
			s.container.Runtime, s.evidence = "runc", Evidence{Gap: Denied}
		}, NotSandboxed, map[string]CheckState{CheckRuntime: Failed, CheckProcess: Unread}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene()
			tt.change(s)
			v := Judge(s.container, s.evidence, s.runtimes, s.releases)
			got := map[string]CheckState{}
			for _, c := range v.Checks {
				if c.State != Passed {
					got[c.Name] = c.State
				}
				if c.Seen == "" || c.Expected == "" || c.Source == "" {
					t.Errorf("a check with an empty part: %+v", c)
				}
			}
			want := tt.checks
			if want == nil {
				want = map[string]CheckState{}
			}
			if diff := cmp.Diff(want, got); diff != "" || v.State != tt.want {
				t.Errorf("got %v, want %v; checks -want +got:\n%s", v.State, tt.want, diff)
			}
			if (v.Release != "") != (tt.want == Sandboxed) {
				t.Errorf("got release %q of a container that is %v", v.Release, v.State)
			}
		})
	}
}

// A pid from dockerd's pid namespace may be any process here.
func TestFault_V06_AnotherProcessUnderThePIDIsNeverOK(t *testing.T) {
	s := newScene()
	s.evidence.Process = Process{
		PID: 307, Argv: []string{"sshd"}, Exe: Exe{ID: FileID{8, 1}, Path: "/usr/sbin/sshd"}, Namespaces: hostNamespaces,
		Cgroups: []Cgroup{{Path: "/system.slice/ssh.service"}}, Root: Mount{"/", "ext4", "/dev/vda"},
	}
	v := Judge(s.container, s.evidence, s.runtimes, s.releases)
	if got := find(v, CheckProcess); got.State != Unread || v.State != Unknown {
		t.Errorf("got process %v (%s), %v, want unread, unknown", got.State, got.Seen, v.State)
	}
}

func TestFault_V03_OlderReleaseIsNamed(t *testing.T) {
	s := newScene()
	s.evidence.Process.Exe = Exe{ID: FileID{65024, 77}, Path: "/usr/local/lib/gvisor/20260907.0/" + sentryPath, Deleted: true, Digest: digest}
	s.evidence.Members = nil
	v := Judge(s.container, s.evidence, s.runtimes, s.releases)
	if v.State != Sandboxed || v.Release != "20260907.0" {
		t.Errorf("got %v of %q, want sandboxed of 20260907.0", v.State, v.Release)
	}
}

func TestFault_V04_VerdictKeepsWhatDockerdSays(t *testing.T) {
	s := newScene()
	s.container.Privileged, s.container.UsernsMode = true, "host"
	v := Judge(s.container, s.evidence, s.runtimes, s.releases)
	if diff := cmp.Diff(s.container, v.Container); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFault_V09_ChecksEscapeTextFromOutside(t *testing.T) {
	const nasty = "\x1b]0;owned\x07\n| x=1 \u202e"
	s := newScene()
	s.container.Runtime, s.container.ID = nasty, nasty
	s.evidence.Process.Argv = []string{nasty, nasty}
	s.evidence.Process.Exe.Path, s.evidence.Process.Exe.ID = nasty, FileID{}
	s.evidence.Process.Root = Mount{"/", nasty, nasty}
	s.evidence.Members[0] = Member{Gap: Complete, Exe: Exe{Path: nasty}}
	s.runtimes[nasty] = Runtime{Path: nasty, Target: nasty, Err: errors.New(nasty)}
	complete := Judge(s.container, s.evidence, s.runtimes, s.releases)
	s.evidence = Evidence{Gap: Unreadable, Why: errors.New(nasty)}
	unreadable := Judge(s.container, s.evidence, s.runtimes, s.releases)
	for _, c := range slices.Concat(complete.Checks, unreadable.Checks) {
		if text := fmt.Sprint(c); strings.ContainsAny(text, "\x1b\x07\n\u202e") {
			t.Errorf("%s: a control character in %q", c.Name, text)
		}
	}
}

func TestReportIsAsBadAsItsWorst(t *testing.T) {
	for _, tt := range []struct {
		name   string
		states []State
		denied int
		want   State
	}{
		{"none", nil, 0, NoEvidence},
		{"none, a process unreadable", nil, 1, Unknown},
		{"all sandboxed", []State{Sandboxed, Sandboxed}, 0, Sandboxed},
		{"all sandboxed, a process unreadable", []State{Sandboxed}, 1, Unknown},
		{"one unknown", []State{Sandboxed, Unknown}, 0, Unknown},
		{"one not sandboxed", []State{Unknown, NotSandboxed, Sandboxed}, 1, NotSandboxed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var verdicts []Verdict
			for _, s := range tt.states {
				verdicts = append(verdicts, Verdict{State: s})
			}
			if got := NewReport(verdicts, Survey{Denied: tt.denied}, nil).State; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	r := fakeRelease(t, dir, "20260914.0")
	link := filepath.Join(dir, "link")
	for target, name := range map[string]string{r.Dir + "/runsc": link, "link": link + "2", dir + "/missing": dir + "/dangling"} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	got := Resolve(map[string]string{"direct": r.Dir + "/runsc", "links": link + "2", "runc": "runc", "dangling": dir + "/dangling", "shim": ""})
	for name, want := range map[string]bool{"direct": true, "links": true, "runc": false, "dangling": false, "shim": false} {
		release, ok := got[name].release([]Release{r})
		if ok != want || ok && release.Name != r.Name {
			t.Errorf("%s: got %v, %q, want %v", name, ok, release.Name, want)
		}
	}
	if got["links"].Target != r.Dir+"/runsc" || !errors.Is(got["dangling"].Err, fs.ErrNotExist) {
		t.Errorf("got %+v", got)
	}
}

// An argument may be a password, and Check.Seen goes into logs.
func TestArgumentsAreNotShown(t *testing.T) {
	id := containerID(1)
	for _, tt := range []struct {
		argv []string
		want string
	}{
		{[]string{"sh"}, "sh"},
		{[]string{"redis", "hunter2"}, "redis and 1 argument"},
		{[]string{"redis", "--requirepass", "hunter2"}, "redis and 2 arguments"},
		{[]string{"sh", id + "hunter2"}, "sh and 1 argument"},
		{[]string{"sh", "/" + id}, "sh and 1 argument"},
		{[]string{"runsc-sandbox", "boot", id}, "runsc-sandbox … " + id},
	} {
		s := newScene()
		s.evidence.Process.Argv = tt.argv
		for _, check := range Judge(s.container, s.evidence, s.runtimes, s.releases).Checks {
			if check.Name == CheckArguments && check.Seen != tt.want {
				t.Errorf("%q: got %q, want %q", tt.argv, check.Seen, tt.want)
			}
		}
	}
}

// What is seen of a process does not replace what dockerd fails to say.
func TestFault_V09_ContainerThatDockerdCannotDescribeIsUnknown(t *testing.T) {
	s := newScene()
	s.container = Container{ID: s.container.ID, Name: "web", Unread: errors.New("answer \x1b too large")}
	got := Judge(s.container, s.evidence, s.runtimes, s.releases)
	want := []Check{{Name: CheckRuntime, Expected: "runsc of a known release", Seen: `not readable: "answer \x1b too large"`, Source: "/containers/" + s.container.ID + "/json"}}
	if diff := cmp.Diff(want, got.Checks); diff != "" || got.State != Unknown || got.Release != "" || got.Remap != RemapUnknown {
		t.Errorf("got %s of %q, %s, checks -want +got:\n%s", got.State, got.Release, got.Remap, diff)
	}
	// Its sandbox does not count as an orphan, nor its cgroup as an Other.
	survey := Survey{Sandboxes: []Sandbox{{PID: 307, ContainerID: s.container.ID}}, Others: []Other{{ID: s.container.ID}}}
	report := NewReport([]Verdict{got}, survey, []Container{s.container})
	if report.State != Unknown || len(report.Orphans) != 0 || len(report.Others) != 0 {
		t.Errorf("got %s, orphans %v, others %v, want unknown and none", report.State, report.Orphans, report.Others)
	}
}

func TestReportSortsContainersByName(t *testing.T) {
	verdict := func(name, id string) Verdict { return Verdict{Container: Container{Name: name, ID: id}} }
	given := []Verdict{verdict("web", "3"), verdict("db", "2"), verdict("web", "1"), verdict("cache", "4")}
	got := ""
	for _, v := range NewReport(given, Survey{}, nil).Verdicts {
		got += v.Container.Name + v.Container.ID + " "
	}
	if want := "cache4 db2 web1 web3 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if given[0].Container.Name != "web" {
		t.Error("the caller's list was sorted")
	}
}
