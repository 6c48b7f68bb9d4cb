package plan

import (
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

// A reload may only tidy the file: dockerd lacks nothing, and no setting of ours changes.
func TestDescribeReload_OfATextThatOnlyTidies(t *testing.T) {
	at, err := daemonjson.Parse([]byte(`{"runtimes":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	final, err := daemonjson.Edit(at, daemonjson.Want{Tidy: true})
	if err != nil || !Differ(at, final) {
		t.Fatalf("got %s, %v, want a change", final.Bytes(), err)
	}
	g := Goal{Observed: host.Observed{Engine: &engine.Info{}, File: daemonfile.File{Path: "/etc/docker/daemon.json", Doc: at}}}
	if got := g.describeReload(at, final, steps.Settings{}); got == "" {
		t.Error("got no description")
	}
}
