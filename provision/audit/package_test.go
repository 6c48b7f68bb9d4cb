package audit

import (
	"testing"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// Only what a package manager changes is no evidence against a sandbox: its files are not known until they are compared.
func TestBeforeComparison(t *testing.T) {
	releases := []release.Installed{{Manifest: release.Manifest{Package: &release.Package{Dir: "/opt/gvisor"}}}}
	runtimes := map[string]verify.Runtime{
		"runsc": {Path: release.SystemRunsc}, "moved": {Path: "/opt/gvisor/runsc"}, "runc": {Path: "runc"},
	}
	for _, tt := range []struct {
		name, runtime string
		failed        []string
		state, want   verify.State
	}{
		{"both", "runsc", []string{verify.CheckRuntime, verify.CheckExecutable}, verify.NotSandboxed, verify.Unknown},
		{"the runtime alone", "runsc", []string{verify.CheckRuntime}, verify.NotSandboxed, verify.Unknown},
		{"in the directory of the package", "moved", []string{verify.CheckRuntime}, verify.NotSandboxed, verify.Unknown},
		{"and its seccomp", "runsc", []string{verify.CheckRuntime, verify.CheckSeccomp}, verify.NotSandboxed, verify.NotSandboxed},
		{"another runtime", "runc", []string{verify.CheckRuntime, verify.CheckExecutable}, verify.NotSandboxed, verify.NotSandboxed},
		{"nothing", "runsc", nil, verify.Sandboxed, verify.Sandboxed},
	} {
		v := verify.Verdict{Container: verify.Container{Runtime: tt.runtime}, State: tt.state, Checks: []verify.Check{{Name: verify.CheckGofer, State: verify.Passed}}}
		for _, name := range tt.failed {
			v.Checks = append(v.Checks, verify.Check{Name: name, State: verify.Failed})
		}
		got := beforeComparison([]verify.Verdict{v}, runtimes, releases)
		if len(got) != 1 || got[0].State != tt.want || (got[0].Doubt == verify.DoubtPackage) != (tt.want == verify.Unknown) {
			t.Errorf("%s: got %+v, want %v", tt.name, got, tt.want)
		}
	}
}
