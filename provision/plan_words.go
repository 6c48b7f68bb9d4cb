package provision

import (
	"fmt"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/verify"
)

// says is what a write of final over at changes, in words.
func (b *builder) says(at, final daemonjson.Document) string {
	var parts []string
	if runtimes := b.registers(final); runtimes != "" && differRuntimes(b.config, at, final) {
		parts = append(parts, runtimes)
	}
	if was, now := config.DefaultRuntimeIn(at), config.DefaultRuntimeIn(final); was != now {
		parts = append(parts, b.chooses())
	}
	if was, now := config.UsernsRemapIn(at), config.UsernsRemapIn(final); b.config.Docker.Remap() != config.RemapAny && was != now {
		parts = append(parts, "userns-remap "+b.config.Docker.UsernsRemap)
	}
	return strings.Join(parts, "; ")
}

func differRuntimes(c config.Config, a, b daemonjson.Document) bool {
	for _, name := range c.RuntimeNames() {
		was, now := a.Runtimes()[name], b.Runtimes()[name]
		if was.Path != now.Path || !slices.Equal(was.Args, now.Args) {
			return true
		}
	}
	return false
}

// registers says in words what becomes of the runtimes.
func (b *builder) registers(after daemonjson.Document) string {
	var parts []string
	before := b.observed.File.Doc.Runtimes()
	for _, name := range b.config.RuntimeNames() {
		old, existed := before[name]
		now := after.Runtimes()[name]
		switch {
		case !existed:
			parts = append(parts, "register "+name)
		case old.Path != now.Path:
			what := fmt.Sprintf("%s runs %s instead of %s", name, now.Path, was(old))
			if kept := verify.WithoutRootfs(old.Args); len(kept) > 0 && b.config.Docker.Runtimes[name].Args == nil {
				what += ", its arguments are kept"
			}
			parts = append(parts, what+rootfsWords(", and ", old.Args, now.Args))
		case slices.Equal(verify.WithoutRootfs(old.Args), verify.WithoutRootfs(now.Args)) && rootfsWords("", old.Args, now.Args) != "":
			parts = append(parts, name+rootfsWords(" ", old.Args, now.Args))
		case !slices.Equal(old.Args, now.Args):
			parts = append(parts, "new arguments for "+name+rootfsWords(", which ", old.Args, now.Args))
		}
	}
	return strings.Join(parts, "; ")
}

// rootfsWords says, after a join, what other arguments change about what
// containers write; "" where that stays.
func rootfsWords(join string, old, now []string) string {
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
		return join + "has another overlay (" + strings.Join(overlay, " ") + ")"
	}
}

func was(r daemonjson.Runtime) string {
	if r.Path == "" && r.Type != "" {
		return "runtimeType " + r.Type
	}
	return r.Path
}

func (b *builder) chooses() string {
	what := "default runtime " + b.config.Docker.DefaultRuntime
	if old, ok := b.observed.File.Doc.DefaultRuntime(); ok {
		what += " instead of " + old
	}
	return what
}
