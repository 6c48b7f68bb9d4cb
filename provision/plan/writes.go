package plan

import (
	"fmt"
	"slices"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/verify"
)

// writesLost is what does not work where a container's writes end with its sandbox.
const writesLost = "what its containers write to their root file system is lost: docker cp, commit, diff and export do not see it, nor does the container when it starts again"

// warnOfWrites warns of what becomes of a container's writes where nobody has chosen
// that, and says of each runtime that no record tells of whether it counts as
// ours.
func (p *planner) warnOfWrites() {
	for _, name := range p.uncontestedNames() {
		a := p.Arguments(name)
		if a.Assumed && p.Observed.Unread {
			if a.Writes == verify.WritesLost {
				p.warn("runtime " + name + ": only root may read what is recorded of who registered it, and so this plan may lack a change of its arguments")
			}
			continue
		}
		_, registered := p.Observed.File.Doc.Runtimes()[name]
		if registered && a.Assumed && p.Observed.Earlier() && len(p.plan.Steps) > 0 {
			p.warn(describeAssumed(name, a.Origin))
		}
		if text := DescribeLoss(p.Config, name, a); text != "" {
			p.warn(text)
		}
	}
	if text := p.ClassicBuildWarning(); text != "" {
		p.warn(text)
	}
}

// describeAssumed says which a runtime of a version that kept no record counts as.
func describeAssumed(name string, origin Origin) string {
	if origin == Created {
		return fmt.Sprintf("nothing recorded who registered runtime %s: with a release's path and no arguments of its own it counts as registered by this program", name)
	}
	return fmt.Sprintf("nothing recorded who registered runtime %s: with its path and arguments it counts as there before this program, and keeps its arguments", name)
}

// DescribeLoss says that writes are lost under a runtime where the configuration does
// not ask for it in so many words, and the one setting that changes it.
func DescribeLoss(c config.Config, name string, a Arguments) string {
	runtime := c.Docker.Runtimes[name]
	key := "docker.runtimes." + name
	switch {
	case a.Writes == verify.WritesKept || runtime.Rootfs != "":
		return ""
	case len(a.Explicit) > 0:
		return fmt.Sprintf("runtime %s: %s in %s.args goes before the default of %s.rootfs, and %s; %s.rootfs = %q says that this is meant",
			name, strings.Join(a.Explicit, " "), key, key, writesLost, key, config.RootfsSandbox)
	default:
		return fmt.Sprintf("runtime %s was there before and keeps its arguments, and %s; %s.rootfs = %q changes that", name, writesLost, key, config.RootfsDocker)
	}
}

// ClassicBuildWarning warns of a default runtime under which the classic builder makes
// images that lack what RUN wrote, at exit code 0. BuildKit calls runc instead.
func (g Goal) ClassicBuildWarning() string {
	name := g.Config.Docker.DefaultRuntime
	if g.Observed.ClassicBuild == "" || !slices.Contains(g.uncontestedNames(), name) || g.WritesPromised(name) == verify.WritesKept {
		return ""
	}
	return fmt.Sprintf("docker build makes images that lack what RUN wrote, and says that it succeeded: %s, which follows the default runtime %s; docker.runtimes.%s.rootfs = %q changes that",
		g.Observed.ClassicBuild, name, name, config.RootfsDocker)
}
