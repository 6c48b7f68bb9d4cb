package checkup

import (
	"fmt"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
)

// Drift is one thing that is not as it is wanted.
type Drift struct {
	Item string `json:"item"`
	Want string `json:"want"`
	Got  string `json:"got"` // from outside: not fit for a terminal as it is
}

// Drifts says what of o is not as c wants it. What waits for consent, or for
// Docker to run, is among it. It is pure. The error is NewPlan's.
func Drifts(c config.Config, o host.Observed) ([]Drift, error) {
	g := plan.NewGoal(c, o)
	wanted, err := g.DaemonJSON()
	if err != nil {
		return nil, err
	}
	var all []Drift
	item := func(item string, differs bool, want, got string) {
		if differs {
			all = append(all, Drift{Item: item, Want: want, Got: truncate(got)})
		}
	}
	state := ReleaseItem(g)
	item(config.ItemRelease, state.Health != Healthy, c.Release.Version, state.Seen)
	if link := o.Link; link.Kind != release.LinkForeign {
		got := link.Release
		if link.Kind == release.LinkAbsent {
			got = plan.Absent
		}
		item(config.ItemLink, got != g.Current.Name, g.Current.Name, got)
	}
	inFile := len(all)
	at := o.File.Doc
	for _, name := range c.RuntimeNames() {
		want, got := plan.FormatRuntime(wanted, name), plan.FormatRuntime(at, name)
		item(config.RuntimeItem(name), want != got, want, got)
	}
	item(config.ItemDefaultRuntime, config.DefaultRuntimeIn(at) != config.DefaultRuntimeIn(wanted), plan.OrAbsent(config.DefaultRuntimeIn(wanted)), plan.OrAbsent(config.DefaultRuntimeIn(at)))
	item(config.ItemUsernsRemap, config.UsernsRemapIn(at) != config.UsernsRemapIn(wanted), plan.OrAbsent(config.UsernsRemapIn(wanted)), plan.OrAbsent(config.UsernsRemapIn(at)))
	if o.Engine == nil || len(all) > inFile {
		return all, nil
	}
	// Of a dockerd whose file is another one it is not known what it was told.
	want := plan.Settings{Runtimes: g.RuntimesIn(wanted), Default: c.Docker.DefaultRuntime, Remap: c.Docker.Remap()}
	if err := want.Missing(*o.Engine); err != nil {
		item(config.ItemDockerd, true, "runs with what daemon.json has", err.Error())
	}
	return all, nil
}

// truncate cuts text from outside to what a status line can hold.
func truncate(s string) string {
	const most = 200 // bytes
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(s[:most], ""), len(s))
}
