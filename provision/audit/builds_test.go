package audit

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/test/seen"
	"runsc-provisioner/verify"
)

// Each builder gets one of three answers, and BuildKit is sandboxed only with the very program of the configuration.
func TestBuilds(t *testing.T) {
	const program = seen.Store + "/builds/runc"
	ours := buildkit.Environment{Command: program, Search: "/usr/bin"}
	script := buildkit.Script("/usr/bin/runsc-provisioner", buildkit.Runsc{Path: seen.RunscPath(seen.Newer), Args: []string{"--overlay2=none", "--dcache=0"}})
	for _, test := range []struct {
		name     string
		builds   string
		env      buildkit.Environment
		program  string
		unread   string
		file     string // of dockerd
		managed  map[string]bool
		buildkit BuildState
		classic  BuildState
	}{
		{name: "as Docker is", buildkit: BuildHostKernel, classic: BuildHostKernel},
		{name: "in gVisor", builds: "runsc", env: ours, program: string(script), buildkit: BuildSandboxed, classic: BuildHostKernel},
		{name: "in gVisor, and not managed", env: ours, program: string(script), buildkit: BuildUnknown, classic: BuildHostKernel},
		{name: "another program in place of ours", builds: "runsc", env: ours, program: "#!/bin/sh\nexec runc", buildkit: BuildUnknown, classic: BuildHostKernel},
		{name: "managed, and not in effect", builds: "runsc", program: string(script), buildkit: BuildHostKernel, classic: BuildHostKernel},
		{name: "another program", env: buildkit.Environment{Command: "/opt/crun"}, buildkit: BuildUnknown, classic: BuildHostKernel},
		{name: "unread", unread: "permission denied", buildkit: BuildUnknown, classic: BuildHostKernel},
		{name: "the default runtime is ours", file: seen.Registered(seen.Newer, `"default-runtime":"runsc"`), managed: map[string]bool{"runsc": true}, buildkit: BuildHostKernel, classic: BuildSandboxed},
		{name: "the default runtime is another program's", file: `{"runtimes":{"x":{"path":"/x"}},"default-runtime":"x"}`, buildkit: BuildHostKernel, classic: BuildUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := test.file
			if file == "" {
				file = seen.Registered(seen.Newer)
			}
			o := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: file, Engine: seen.Dockerd(file)}.Observed(t)
			o.BuildKit = &buildkit.Seen{
				DropIn:  buildkit.File{Path: "/d", Text: buildkit.DropIn(buildkit.ByVariable, program, "")},
				Program: buildkit.File{Path: program, Text: []byte(test.program)}, Environment: test.env, Unread: test.unread,
				ReadsVariable: true, Self: "/usr/bin/runsc-provisioner",
			}
			c := config.Default()
			c.Docker.Builds = test.builds
			got := builds(&host.Host{}, c, Verification{Managed: test.managed}, o)
			if len(got) != 2 || got[0].State != test.buildkit || got[1].State != test.classic {
				t.Errorf("got %+v, want %s and %s", got, test.buildkit, test.classic)
			}
		})
	}
	if got := builds(&host.Host{}, config.Default(), Verification{}, host.Observed{}); got != nil {
		t.Errorf("no dockerd: got %+v", got)
	}
}

func TestBuilds_NameTheWeaknessOfTheirRuntime(t *testing.T) {
	v := Verification{RuntimeWeaknesses: map[string][]verify.Weakness{"net": verify.RuntimeWeaknesses([]string{"--platform=kvm", "--network=host"})}}
	if got := v.weaker("net"); !strings.HasSuffix(got, " --network=host") {
		t.Errorf("got %q, want --network=host", got)
	}
	if got := v.weaker("runsc"); got != "" {
		t.Errorf("got %q, want none", got)
	}
}

func TestWithoutSteps(t *testing.T) {
	r := verify.Report{Orphans: []verify.Sandbox{{PID: 1, Root: buildkit.StateDir}, {PID: 2, Root: "/run/runsc"}}, OrphanCount: 2}
	for state, want := range map[BuildState]int{BuildSandboxed: 1, BuildHostKernel: 2, BuildUnknown: 2} {
		got := withoutSteps(r, []Build{{Builder: "buildkit", State: state}, {Builder: "classic", State: BuildSandboxed}})
		if len(got.Orphans) != want || got.OrphanCount != want {
			t.Errorf("%s: got %+v, want %d", state, got.Orphans, want)
		}
	}
	if len(r.Orphans) != 2 || r.Orphans[0].PID != 1 {
		t.Errorf("the report was changed: %+v", r.Orphans)
	}
}
