package checkup

import (
	"cmp"
	"slices"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/evidence"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/redact"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

// RuntimeItems say, for each runtime of ours, whether dockerd has it as in daemon.json, and whether a container
// ever started with it. It is pure, and nil if dockerd is stopped or this user may not read the proofs.
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

// RuntimeItemName is the name of the item of a runtime.
func RuntimeItemName(name string) string { return "runtime " + name }

// runtimeItem is the item of one runtime; false if dockerd does not have it, which the item dockerd reports.
func runtimeItem(g plan.Goal, name string) (item Item, known bool) {
	item = Item{Name: RuntimeItemName(name)}
	got, known := g.Observed.Engine.Runtimes[name]
	if !known {
		return item, false
	}
	with := "no arguments"
	if len(got.Args) > 0 {
		with = strings.Join(redact.RuntimeArguments(got.Args), " ")
	}
	want, defined := g.Observed.File.Doc.Runtimes()[name]
	ours := slices.IndexFunc(g.Observed.Releases, func(r release.Installed) bool { return r.Runsc == got.Path })
	if ours >= 0 {
		g = g.WithRelease(g.Observed.Releases[ours])
	}
	switch {
	case ours < 0:
		item.Health, item.Seen, item.Remedy = Critical, describeForeign(g.Observed, got.Path, cmp.Or(got.Type, want.Type)), ApplyRemedy
	case g.ProofFailed(got.Args):
		item.Health, item.Seen = Critical, "a container started with "+with+" failed"
		item.Remedy = "correct its arguments in " + g.Observed.File.Path + ", then " + ApplyRemedy
	case defined && !plan.RuntimeMatches(got, want):
		item.Health, item.Seen = Warning, "dockerd has not loaded its entry in "+g.Observed.File.Path+": "+steps.FormatRuntime(g.Observed.File.Doc, name)
		item.Remedy = ApplyRemedy + ": it tests the entry before dockerd loads it"
	case !g.EverProven(got.Args):
		item.Health, item.Seen = Warning, "no container has started in a sandbox yet with "+with
		item.Remedy = "sudo runsc-provisioner prove " + name
	default:
		item.Seen = "containers have started in a sandbox with " + with
	}
	for _, w := range WritesInEffect(g.Config, g.Observed) {
		if w.Runtime == name {
			w.addTo(&item)
		}
	}
	return item, true
}

// describeForeign says what dockerd runs for a runtime of ours instead of a release: the program at path, or a
// shim if path is empty.
func describeForeign(o host.Observed, path, shim string) string {
	switch {
	case path != "":
		return "dockerd runs " + path + " for it, which is not an installed release"
	case shim != "" && evidence.IgnoresType(*o.Engine):
		return "dockerd " + o.Engine.Version + " ignores its runtimeType (" + shim + "): its containers run with runc, on the host's kernel"
	default:
		return "dockerd runs the shim " + shim + " for it, which does not tell the release"
	}
}
