package audit

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/seen"
	"runsc-provisioner/verify"
)

// Both dockerd's arguments and the configured ones count.
func TestRuntimeThatWouldWeaken(t *testing.T) {
	h := &host.Host{Paths: host.Paths{Store: t.TempDir()}}
	dir := filepath.Join(h.Paths.Store, seen.Newer) // of a file that is gone, the place counts
	runsc := filepath.Join(dir, "runsc")
	of := func(runtimes map[string]engine.Runtime) *engine.Info { return &engine.Info{Runtimes: runtimes} }
	for _, tt := range []struct {
		name   string
		config func(*config.Config)
		engine *engine.Info
		want   map[string][]string
	}{
		{"dockerd is not asked", nil, nil, map[string][]string{}},
		{"configured, dockerd is not asked", func(c *config.Config) {
			c.Docker.Runtimes = map[string]config.Runtime{"runsc": {Args: []string{"--debug"}}}
		}, nil, map[string][]string{"runsc": {"--debug"}}},
		{"left over in daemon.json", nil, of(map[string]engine.Runtime{"runsc": {Path: runsc, Args: []string{"--ignore-cgroups", "--network=host"}}}), map[string][]string{"runsc": {"--ignore-cgroups", "--network=host"}}},
		{"another program's name for a release", nil, of(map[string]engine.Runtime{"fast": {Path: runsc, Args: []string{"--profile"}}}), map[string][]string{"fast": {"--profile"}}},
		{"a configured name, not a release's path", nil, of(map[string]engine.Runtime{"runsc": {Path: "/opt/runsc", Args: []string{"--profile"}}}), map[string][]string{"runsc": {"--profile"}}},
		{"another runtime", nil, of(map[string]engine.Runtime{"crun": {Path: "/usr/bin/crun", Args: []string{"--debug"}}}), map[string][]string{}},
		{"the same in both", func(c *config.Config) {
			c.Docker.Runtimes = map[string]config.Runtime{"runsc": {Args: []string{"--debug"}}}
		},
			of(map[string]engine.Runtime{"runsc": {Path: runsc, Args: []string{"--debug"}}}), map[string][]string{"runsc": {"--debug"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			weak, err := runtimeWeaknesses(t.Context(), h, seen.Wants(tt.config), host.Observed{Releases: []release.Installed{{Name: seen.Newer, Dir: dir}}, Engine: tt.engine})
			got := map[string][]string{}
			for name, list := range weak {
				for _, w := range list {
					got[name] = append(got[name], w.Setting)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
		})
	}
}

// Only the runtime is blamed for what its arguments weaken in each of its containers.
func TestRuntimeThatWeakensIsOneFinding(t *testing.T) {
	everywhere := verify.Weakness{Setting: "--debug", Gives: "logs", Where: "/info"}
	requested := verify.Weakness{Setting: "--strace=true", Gives: "logs", Where: verify.InAnnotation}
	v := Verification{
		Managed:           map[string]bool{"runsc": true, "other": true},
		WhyOutside:        map[string]string{},
		RuntimeWeaknesses: map[string][]verify.Weakness{"runsc": {everywhere}},
	}
	for _, name := range []string{"a", "b", "c"} {
		one := containerVerdict(name, "runsc", verify.Sandboxed)
		one.Weaknesses = []verify.Weakness{everywhere}
		v.Report.Verdicts = append(v.Report.Verdicts, one)
	}
	v.Report.Verdicts[1].Weaknesses = append(v.Report.Verdicts[1].Weaknesses, requested)
	// The next container of this runtime would not have the weakness.
	last := containerVerdict("d", "other", verify.Sandboxed)
	last.Weaknesses = []verify.Weakness{everywhere}
	v.Report.Verdicts = append(v.Report.Verdicts, last)
	v.checkAll(Expect{Weakening: true})
	var got []string
	for _, f := range v.Findings {
		got = append(got, f.Object)
	}
	if diff := cmp.Diff([]string{"container b", "container d", "runtime runsc"}, got); diff != "" {
		t.Errorf("objects of findings (-want +got):\n%s", diff)
	}
	if all := v.runningWith("runsc", everywhere); len(all) != 3 {
		t.Errorf("got %q, want a, b and c", all)
	}
}
