package provision

import (
	"context"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/test/fakedockerd"
)

// noService is a systemd without the service.
type noService struct{ host.Units }

func (noService) Unit(context.Context, string) (host.Unit, error) {
	return host.Unit{LoadState: "not-found"}, nil
}

func TestAddNamesAdvice(t *testing.T) {
	const own = `[{"Name":"bridge","Scope":"local"},{"Name":"docker_gwbridge","Scope":"local"},{"Name":"host","Scope":"local"}`
	for _, tt := range []struct {
		situation, networks, runtime, names string
		want                                int
	}{
		{"a network of Compose", own + `,{"Name":"shop_default","Scope":"local"}]`, "runsc", "", 1},
		{"Docker's own networks alone", own + `]`, "runsc", "", 0},
		{"a network of a swarm", own + `,{"Name":"ingress","Scope":"swarm"}]`, "runsc", "", 0},
		{"no sandbox by default", own + `,{"Name":"app","Scope":"local"}]`, "", "", 0},
		{"names are kept, by a service that is not installed", own + `,{"Name":"app","Scope":"local"}]`, "runsc", config.NamesMaintain, 1},
		{"the user has decided", own + `,{"Name":"app","Scope":"local"}]`, "runsc", config.NamesOff, 0},
		{"an answer that cannot be used", `{`, "runsc", "", 0},
	} {
		d := fakedockerd.New(t, 24, 45)
		d.AnswerText("/networks", tt.networks)
		c := config.Default()
		c.Docker.DefaultRuntime, c.Docker.Names = tt.runtime, tt.names
		var p plan.Plan
		addNamesAdvice(t.Context(), &host.Host{Units: noService{}, Paths: host.Paths{Socket: d.Socket}}, c, host.Observed{Engine: &engine.Info{}}, &p)
		if len(p.Warnings) != tt.want {
			t.Errorf("%s: got %q", tt.situation, p.Warnings)
		}
	}
}
