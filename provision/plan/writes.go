package plan

import (
	"fmt"
	"slices"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

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
			p.warn(runtimes.DescribeAssumed(name, a.Origin))
		}
		if text := runtimes.DescribeLoss(p.Config, name, a); text != "" {
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
func (p *planner) describeReplaced(name string, a runtimes.Arguments) string {
	entry, registered := p.Observed.File.Doc.Runtimes()[name]
	set := p.Config.Docker.Runtimes[name]
	if !registered || a.Replaced == "" || runtimes.RunsRelease(p.Observed, entry.Path) || set.Args != nil {
		return ""
	}
	text := fmt.Sprintf("runtime %s: arguments that %s adds by itself are not known, and not kept", name, steps.PathOrType(entry))
	if set.Rootfs == "" {
		text += fmt.Sprintf("; whether it keeps what containers write is not known either, so runtime %s keeps it (rootfs = %q)", name, config.RootfsDocker)
	}
	return text + fmt.Sprintf("; to change that, set docker.runtimes.%s.args or rootfs", name)
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
