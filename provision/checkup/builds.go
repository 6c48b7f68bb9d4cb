package checkup

import (
	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
)

// buildsItem is the item of what BuildKit runs steps with; false if the configuration does not manage that.
func buildsItem(g plan.Goal) (item Item, managed bool) {
	if g.Config.Docker.Builds == "" || g.Observed.BuildKit == nil {
		return Item{}, false
	}
	if unread := g.Observed.BuildKit.Unread; unread != "" {
		return Item{Name: config.ItemBuilds, Health: Unsure, Seen: "not known: " + unread}, true
	}
	change, objection := g.BuildChange()
	item = Item{Name: config.ItemBuilds, Seen: "BuildKit runs steps with " + g.Config.Docker.Builds}
	if change.IsEmpty() {
		return item, true
	}
	item.Health, item.Seen, item.Remedy = Critical, describeChange(g, change), ApplyRemedy
	if objection != "" {
		item.Seen += "; " + objection
	}
	return item, true
}

// describeChange says how the builds of a host differ from the configuration.
func describeChange(g plan.Goal, c buildkit.Change) string {
	seen := g.Observed.BuildKit
	switch {
	case c.WritesDropIn:
		return describeFile(seen.DropIn, c.DropIn)
	case c.WritesProgram:
		return describeFile(seen.Program, c.Program)
	case c.Program == nil:
		return "dockerd still gives BuildKit " + seen.Program.Path
	}
	return "dockerd was started without " + seen.DropIn.Path + ", or another setting overrides it"
}

func describeFile(f buildkit.File, want []byte) string {
	switch {
	case f.Text == nil:
		return f.Path + " is missing"
	case want == nil:
		return f.Path + " is there"
	case f.BadMode:
		return f.Path + " has another mode than it was given"
	}
	return f.Path + " differs"
}
