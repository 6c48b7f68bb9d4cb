package audit

import (
	"slices"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/test/seen"
)

func TestNotes_TheSnapBesideDockerService(t *testing.T) {
	h := seen.Host{Releases: []string{seen.Newer}, File: seen.Registered(seen.Newer)}
	h.Engine = seen.Dockerd(h.File)
	o := h.Observed(t)
	for _, runs := range []bool{false, true} {
		o.SnapRuns = runs
		if got := notes(config.Default(), o); slices.Contains(got, plan.SnapWarning) != runs {
			t.Errorf("runs %t: got %q", runs, got)
		}
	}
}

// verify's report notes what a host loses, and how it builds images.
func TestNotes_Writes(t *testing.T) {
	adopted := seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug"`)
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   seen.Host
		want   int
	}{
		{"kept", nil, seen.Host{File: seen.Registered(seen.Newer)}, 0},
		{"adopted", nil, seen.Host{File: adopted, Before: adopted}, 1},
		{"sandbox, chosen", seen.Rootfs(config.RootfsSandbox), seen.Host{File: seen.RegisteredBare(seen.Newer)}, 0},
		{"adopted, the default, with the classic builder", seen.AsDefault, seen.Host{File: adopted, Before: adopted, ClassicBuild: "it is"}, 2},
	} {
		test.host.Releases, test.host.Link, test.host.Engine = []string{seen.Newer}, seen.Newer, seen.Dockerd(test.host.File)
		c := seen.Wants(test.config)
		if got := notes(c, test.host.Observed(t)); len(got) != test.want {
			t.Errorf("%s: got notes %q, want %d", test.name, got, test.want)
		}
	}
}
