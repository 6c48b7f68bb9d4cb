package checkup

import (
	"slices"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
)

// RuntimeItems say of each runtime of ours whether what dockerd starts containers
// with is what daemon.json has, and whether a container was ever seen to start
// with it. It is pure, and says nothing where that may not be known.
func RuntimeItems(c config.Config, o host.Observed) []Item {
	if o.Engine == nil || o.Proofs == nil {
		return nil
	}
	g := plan.NewGoal(c, o)
	var items []Item
	for _, name := range c.RuntimeNames() {
		if item, known := runtimeItem(g, name); known {
			items = append(items, item)
		}
	}
	return items
}

// RuntimeItemName is the item of a runtime that dockerd has.
func RuntimeItemName(name string) string { return "runtime " + name }

// runtimeItem is that of one. A runtime that dockerd does not know is part of the
// item dockerd.
func runtimeItem(g plan.Goal, name string) (item Item, known bool) {
	item = Item{Name: RuntimeItemName(name)}
	got, known := g.Observed.Engine.Runtimes[name]
	if !known {
		return item, false
	}
	with := "no arguments"
	if len(got.Args) > 0 {
		with = strings.Join(got.Args, " ")
	}
	want, defined := g.Observed.File.Doc.Runtimes()[name]
	ours := slices.IndexFunc(g.Observed.Releases, func(r release.Installed) bool { return r.Runsc == got.Path })
	if ours >= 0 {
		g.Current = g.Observed.Releases[ours]
	}
	switch {
	case ours < 0:
		item.Health, item.Seen, item.Remedy = Critical, "dockerd runs "+got.Path+" for it, which is no installed release", ApplyRemedy
	case g.ProofFailed(got.Args):
		item.Health, item.Seen = Critical, "a container that was started with "+with+" failed"
		item.Remedy = "correct its arguments in " + g.Observed.File.Path + ", then " + ApplyRemedy
	case defined && !plan.RuntimeMatches(got, want):
		item.Health, item.Seen = Warning, "dockerd has not loaded what "+g.Observed.File.Path+" has for it: "+plan.FormatRuntime(g.Observed.File.Doc, name)
		item.Remedy = ApplyRemedy + ": it tries that before dockerd loads it"
	case !g.EverProven(got.Args):
		item.Health, item.Seen = Warning, "no container was seen to start in a sandbox with "+with
		item.Remedy = "sudo runsc-provisioner prove " + name
	default:
		item.Seen = "containers were seen to start in a sandbox with " + with
	}
	for _, w := range WritesInEffect(g.Config, g.Observed) {
		if w.Runtime == name {
			w.addTo(&item)
		}
	}
	return item, true
}
