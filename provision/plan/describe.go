package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/redact"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

// describeWrite says in words what a write of final over at changes.
func (g Goal) describeWrite(at, final daemonjson.Document) string {
	var parts []string
	if runtimes := g.describeRuntimes(final); runtimes != "" && runtimesDiffer(g.Config, at, final) {
		parts = append(parts, runtimes)
	}
	if config.DefaultRuntimeIn(at) != config.DefaultRuntimeIn(final) {
		old, had := at.DefaultRuntime()
		name, stays := final.DefaultRuntime()
		what := "default runtime " + name
		switch {
		case !stays:
			what = "no default runtime"
		case had:
			what += " instead of " + old
		}
		parts = append(parts, what)
	}
	if g.Config.Docker.Remap() != config.RemapAny && config.UsernsRemapIn(at) != config.UsernsRemapIn(final) {
		parts = append(parts, "userns-remap "+cmp.Or(config.UsernsRemapIn(final), config.RemapDisabled))
	}
	return strings.Join(parts, "; ")
}

func runtimesDiffer(c config.Config, a, b daemonjson.Document) bool {
	for _, name := range c.RuntimeNames() {
		before, after := a.Runtimes()[name], b.Runtimes()[name]
		if before.Path != after.Path || !slices.Equal(before.Args, after.Args) {
			return true
		}
	}
	return false
}

// describeRuntimes says in words how after changes the runtimes of daemon.json.
func (g Goal) describeRuntimes(after daemonjson.Document) string {
	var parts []string
	before := g.Observed.File.Doc.Runtimes()
	for _, name := range g.Config.RuntimeNames() {
		old, existed := before[name]
		now, stays := after.Runtimes()[name]
		switch {
		case !existed && !stays:
		case !stays:
			parts = append(parts, "take out "+name)
		case !existed:
			parts = append(parts, "register "+name)
		case old.Path != now.Path:
			what := fmt.Sprintf("%s runs %s instead of %s", name, now.Path, steps.PathOrType(old))
			if kept := verify.WithoutRootfs(old.Args); len(kept) > 0 && g.Config.Docker.Runtimes[name].Args == nil {
				what += ", its arguments are kept"
			}
			parts = append(parts, what+describeRootfs(", and ", old.Args, now.Args))
		case slices.Equal(verify.WithoutRootfs(old.Args), verify.WithoutRootfs(now.Args)) && describeRootfs("", old.Args, now.Args) != "":
			parts = append(parts, name+describeRootfs(" ", old.Args, now.Args))
		case !slices.Equal(old.Args, now.Args):
			parts = append(parts, "new arguments for "+name+describeRootfs(", which ", old.Args, now.Args))
		}
	}
	return strings.Join(parts, "; ")
}

// describeRootfs says, after join, what new arguments change about the writes of containers; "" if nothing.
func describeRootfs(join string, old, now []string) string {
	before, after := verify.RootfsArgs(old), verify.RootfsArgs(now)
	kept := verify.WritesOf(now) == verify.WritesKept
	switch overlay := verify.OverlayArgs(now); {
	case slices.Equal(before, after), !kept && slices.Equal(verify.OverlayArgs(old), overlay):
		return ""
	case kept:
		return join + "keeps what containers write (" + strings.Join(after, " ") + ")"
	case len(overlay) == 0:
		gone := slices.DeleteFunc(before, func(arg string) bool { return slices.Contains(after, arg) })
		return join + "has gVisor's own overlay (without " + strings.Join(gone, " ") + ")"
	default:
		return join + "has another overlay (" + strings.Join(redact.RuntimeArguments(overlay), " ") + ")"
	}
}

// changedItems names the items that have different values in two texts.
func (g Goal) changedItems(old, text daemonjson.Document) []string {
	var all []string
	for _, name := range g.Config.RuntimeNames() {
		if !steps.SameRuntime(old, text, name) {
			all = append(all, config.RuntimeItem(name))
		}
	}
	if config.DefaultRuntimeIn(old) != config.DefaultRuntimeIn(text) {
		all = append(all, config.ItemDefaultRuntime)
	}
	if config.UsernsRemapIn(old) != config.UsernsRemapIn(text) {
		all = append(all, config.ItemUsernsRemap)
	}
	return all
}
