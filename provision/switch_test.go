package provision

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
)

func TestNewDefault(t *testing.T) {
	ours := map[string]daemonjson.Runtime{"runsc": {Path: "/s/new/runsc", Args: []string{"--net-raw"}}}
	inEngine := map[string]engine.Runtime{"runsc": {Path: "/s/old/runsc", Args: []string{"--debug"}}}
	for _, tt := range []struct {
		situation string
		engine    *engine.Info
		confirms  steps.Settings
		want      string // the name; "" if nothing switches
		path      string
		remapped  bool
	}{
		{"a switch", &engine.Info{DefaultRuntime: "runc"}, steps.Settings{Default: "runsc", Runtimes: ours}, "runsc", "/s/new/runsc", false},
		{"it is the default already, and gets other arguments", &engine.Info{DefaultRuntime: "runsc"}, steps.Settings{Default: "runsc", Runtimes: ours}, "", "", false},
		{"the default stays", &engine.Info{DefaultRuntime: "runc"}, steps.Settings{Runtimes: ours}, "", "", false},
		{"back to runc", &engine.Info{DefaultRuntime: "runsc"}, steps.Settings{Default: "runc"}, "", "", false},
		{"to a runtime that is not ours", &engine.Info{DefaultRuntime: "runc"}, steps.Settings{Default: "nvidia"}, "", "", false},
		{"Docker is stopped", nil, steps.Settings{Default: "runsc", Runtimes: ours}, "", "", false},
		{"the plan leaves its runtime as it is", &engine.Info{DefaultRuntime: "runc", Runtimes: inEngine}, steps.Settings{Default: "runsc"}, "runsc", "/s/old/runsc", false},
		{"userns-remap is on", &engine.Info{DefaultRuntime: "runc", UsernsRemap: true}, steps.Settings{Default: "runsc", Runtimes: ours}, "runsc", "/s/new/runsc", true},
		{"userns-remap is switched on", &engine.Info{DefaultRuntime: "runc"}, steps.Settings{Default: "runsc", Runtimes: ours, Remap: config.RemapOn}, "runsc", "/s/new/runsc", true},
		{"userns-remap is switched off", &engine.Info{DefaultRuntime: "runc", UsernsRemap: true}, steps.Settings{Default: "runsc", Runtimes: ours, Remap: config.RemapOff}, "runsc", "/s/new/runsc", false},
	} {
		p := plan.Plan{Steps: []steps.Step{steps.Reload{}, steps.Confirm{}, steps.Confirm{Settings: tt.confirms}}}
		to, switches := newDefault(config.Default(), host.Observed{Engine: tt.engine}, p)
		got := []any{switches, to.Name, to.Path, to.Remapped}
		if diff := cmp.Diff([]any{tt.want != "", tt.want, tt.path, tt.remapped}, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.situation, diff)
		}
	}
}

// dockerd does not answer: the plan is as good without, and says so.
func TestAddSwitch_DockerdIsSilent(t *testing.T) {
	h := &host.Host{Paths: host.Paths{Socket: t.TempDir() + "/none"}}
	p := plan.Plan{Steps: []steps.Step{steps.Confirm{Settings: steps.Settings{Default: "runsc"}}}}
	addSwitch(t.Context(), h, config.Default(), host.Observed{Engine: &engine.Info{DefaultRuntime: "runc"}}, &p)
	if p.Switch == nil || len(p.Switch.Unseen) != 1 || len(p.Switch.Items) > 0 {
		t.Fatalf("got %+v, want a switch that says what it did not see", p.Switch)
	}
	if diff := cmp.Diff(difference.Switch{From: "runc", To: "runsc", Unseen: p.Switch.Unseen}, *p.Switch); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
