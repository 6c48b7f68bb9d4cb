package wayback

import (
	"testing"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

func TestNewJournal_HasTheStartOfDockerAndOtherRuntimes(t *testing.T) {
	o := host.Observed{
		Unit: host.Unit{Name: host.DockerUnit, ActiveState: "active", InvocationID: "1"},
		Engine: &engine.Info{Runtimes: map[string]engine.Runtime{
			"runc": {Path: "runc"}, "runsc": {Path: "/x"}, "nvidia": {Path: "/n", Args: []string{"-a"}},
			"io.containerd.runc.v2": {Path: "runc"}, "kata": {Type: "io.containerd.kata.v2"},
		}},
	}
	j := NewJournal(plan.Plan{}, o, []string{"runsc"}, "")
	if got := j.Engine.Others; j.Invocation != "1" || len(got) != 1 || got["nvidia"].Path != "/n" || len(got["nvidia"].Args) != 1 {
		t.Errorf("got invocation %q and others %v, want 1 and nvidia", j.Invocation, got)
	}
	if o.Engine = nil; NewJournal(plan.Plan{}, o, nil, "").Invocation != "" {
		t.Error("got the start of a Docker that did not run")
	}
}
