package audit

import (
	"slices"
	"strings"

	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/verify"
)

// BuildState says where a builder of dockerd runs the steps of docker build.
type BuildState string

// The states of a builder.
const (
	BuildSandboxed  BuildState = "sandboxed"
	BuildHostKernel BuildState = "host kernel"
	BuildUnknown    BuildState = "unknown"
)

// Build is what verify says of a builder. Builders of buildx outside dockerd (drivers docker-container, kubernetes and
// remote) are not looked at.
type Build struct {
	Builder string     `json:"builder"` // buildkit or classic
	State   BuildState `json:"state"`
	Seen    string     `json:"seen"` // not safe for a terminal
}

// builds says where the builders of dockerd run steps; nil if it does not run.
func builds(h *host.Host, c config.Config, v Verification, o host.Observed) []Build {
	if o.Engine == nil {
		return nil
	}
	if o.BuildKit == nil {
		seen := buildkit.LookAtEnvironment(h.BuildKit(), o.Unit.MainPID, o.Unit.Environment)
		if c.Docker.Builds != "" { // it could only be observed in part
			seen = buildkit.Look(h.BuildKit(), h.Self, o.Unit.MainPID, o.Unit.Environment, false)
		}
		o.BuildKit = &seen
	}
	return []Build{buildKitBuild(c, v, o), classicBuild(c, v, o)}
}

func buildKitBuild(c config.Config, v Verification, o host.Observed) Build {
	b := Build{Builder: "buildkit", State: BuildUnknown}
	seen := *o.BuildKit
	g := plan.NewGoal(c, o)
	change, _ := g.BuildChange()
	ours := seen.Environment.Mentions(seen.Program.Path)
	switch {
	case seen.Unread != "":
		b.Seen = seen.Unread
	case ours && c.Docker.BuildsInSandbox() != "" && change.IsEmpty():
		b.State, b.Seen = BuildSandboxed, "steps run in gVisor "+g.Current.Name+", whatever the default runtime is"+v.weaker(c.Docker.BuildsInSandbox())
	case ours && c.Docker.Builds == "":
		b.Seen = "dockerd gives BuildKit " + seen.Program.Path + ", and no configuration manages that: " + ApplyBuilds
	case ours:
		b.Seen = "dockerd gives BuildKit " + seen.Program.Path + ", which is not as the configuration says: sudo runsc-provisioner apply"
	case seen.Environment.Command != "":
		b.Seen = "dockerd gives BuildKit " + seen.Environment.Command + ", which is not of this program"
	default:
		b.State, b.Seen = BuildHostKernel, "steps run with runc, whatever the default runtime is; "+ApplyBuilds+" moves them to gVisor"
	}
	return b
}

// ApplyBuilds is the command that moves builds to gVisor.
const ApplyBuilds = "sudo runsc-provisioner apply --builds"

func classicBuild(c config.Config, v Verification, o host.Observed) Build {
	name := o.Engine.DefaultRuntime
	b := Build{Builder: "classic", State: BuildUnknown, Seen: "steps run with the default runtime " + name}
	switch {
	case name == config.RuncRuntime:
		b.State = BuildHostKernel
	case !v.Managed[name]:
		b.Seen += ", which this program does not manage"
	case plan.RuntimeMatches(o.Engine.Runtimes[name], plan.NewGoal(c, o).RuntimesIn(o.File.Doc)[name]):
		b.State = BuildSandboxed
		if verify.WritesUnder("", o.Engine.Runtimes[name].Args) == verify.WritesLost {
			b.Seen += "; images lack what their steps wrote"
		}
		b.Seen += v.weaker(name)
	default:
		b.Seen += ", and dockerd does not run it as the configuration says"
	}
	return b
}

// weaker names the arguments of a runtime that weaken its sandboxes; "" if there are none.
func (v *Verification) weaker(runtime string) string {
	var settings []string
	for _, w := range v.RuntimeWeaknesses[runtime] {
		settings = append(settings, w.Setting)
	}
	if len(settings) == 0 {
		return ""
	}
	return "; their isolation is weaker by " + strings.Join(settings, ", ")
}

// withoutSteps takes the steps of builds out of the sandboxes that belong to no container, if BuildKit runs steps in
// gVisor. Where runsc keeps its state is an argument, which anyone can imitate: an imitation hides no container, and is
// in a sandbox of a release itself.
func withoutSteps(r verify.Report, all []Build) verify.Report {
	if !slices.ContainsFunc(all, func(b Build) bool { return b.Builder == "buildkit" && b.State == BuildSandboxed }) {
		return r
	}
	kept := slices.DeleteFunc(slices.Clone(r.Orphans), func(box verify.Sandbox) bool { return box.Root == buildkit.StateDir })
	r.OrphanCount -= len(r.Orphans) - len(kept)
	r.Orphans = kept
	return r
}
