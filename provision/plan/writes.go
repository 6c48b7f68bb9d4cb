package plan

import (
	"fmt"
	"slices"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

// writesLost says what does not work if a container's writes end with its sandbox.
const writesLost = "what its containers write to their root file system is lost: docker cp, commit, diff and export do not see it, and neither does the container when it starts again"

// warnOfWrites warns of writes that get lost although the configuration does not ask for it, and of runtimes
// that count as ours, or not, without a record.
func (p *planner) warnOfWrites() {
	for _, name := range p.uncontestedNames() {
		a := p.Arguments(name)
		if a.Assumed && p.Observed.BeforeUnreadable {
			if a.Writes == verify.WritesLost {
				p.warn("runtime " + name + ": only root may read the record of who registered it, so this plan may lack a change to its arguments")
			}
			continue
		}
		_, registered := p.Observed.File.Doc.Runtimes()[name]
		if registered && a.Assumed && p.Observed.HadUnrecordedVersion() && len(p.plan.Steps) > 0 {
			p.warn(describeAssumed(name, a.Origin))
		}
		if text := DescribeLoss(p.Config, name, a); text != "" {
			p.warn(text)
		}
		if text := p.describeReplaced(name, a); text != "" {
			p.warn(text)
		}
	}
	if text := p.ClassicBuildWarning(); text != "" {
		p.warn(text)
	}
}

// describeReplaced says what is not carried over from a program that is not runsc of a release, and that the
// plan replaces; "" if the plan replaces none, or if the configuration names the arguments.
func (p *planner) describeReplaced(name string, a Arguments) string {
	entry, registered := p.Observed.File.Doc.Runtimes()[name]
	set := p.Config.Docker.Runtimes[name]
	if !registered || a.Replaced == "" || RunsRelease(p.Observed, entry.Path) || set.Args != nil {
		return ""
	}
	text := fmt.Sprintf("runtime %s: arguments that %s adds by itself are not known, and not kept", name, steps.PathOrType(entry))
	if set.Rootfs == "" {
		text += fmt.Sprintf("; whether it keeps what containers write is not known either, so runtime %s keeps it (rootfs = %q)", name, config.RootfsDocker)
	}
	return text + fmt.Sprintf("; to change that, set docker.runtimes.%s.args or rootfs", name)
}

// describeAssumed says what a runtime without a record counts as, and why.
func describeAssumed(name string, origin Origin) string {
	if origin == Created {
		return fmt.Sprintf("no record says who registered runtime %s: it has a release's path and no arguments of its own, so it counts as registered by this program", name)
	}
	return fmt.Sprintf("no record says who registered runtime %s: by its path and arguments it counts as older than this program, and keeps its arguments", name)
}

// DescribeLoss says that a runtime loses writes, and which setting changes that; "" if it loses none, or if
// the configuration asks for the loss.
func DescribeLoss(c config.Config, name string, a Arguments) string {
	runtime := c.Docker.Runtimes[name]
	key := "docker.runtimes." + name
	switch {
	case a.Writes == verify.WritesKept || runtime.Rootfs != "":
		return ""
	case len(a.Explicit) > 0:
		return fmt.Sprintf("runtime %s: %s in %s.args overrides the default of %s.rootfs, and %s; if you mean this, set %s.rootfs = %q",
			name, strings.Join(a.Explicit, " "), key, key, writesLost, key, config.RootfsSandbox)
	default:
		return fmt.Sprintf("runtime %s is older than this program and keeps its arguments, and %s; set %s.rootfs = %q to change that", name, writesLost, key, config.RootfsDocker)
	}
}

// ClassicBuildWarning warns if the classic builder would build with a default runtime that loses writes: its
// images then lack what RUN wrote, at exit code 0. BuildKit uses runc instead.
func (g Goal) ClassicBuildWarning() string {
	name := g.Config.Docker.DefaultRuntime
	if g.Observed.ClassicBuild == "" || !slices.Contains(g.uncontestedNames(), name) || g.WritesPromised(name) == verify.WritesKept {
		return ""
	}
	return fmt.Sprintf("docker build makes images that lack what RUN wrote, and reports success: %s, which uses the default runtime %s; set docker.runtimes.%s.rootfs = %q to change that",
		g.Observed.ClassicBuild, name, name, config.RootfsDocker)
}
