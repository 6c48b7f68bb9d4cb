package plan

import (
	"bytes"
	"slices"
	"strings"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/capability"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/subid"
)

// BuildChange is what brings the builds of the host to what the configuration says. objection says why that must not
// happen; "" if it may. Without builds in the configuration, nothing changes.
func (g Goal) BuildChange() (c buildkit.Change, objection string) {
	if g.Config.Docker.Builds == "" || g.Observed.BuildKit == nil {
		return buildkit.Change{}, ""
	}
	var w buildkit.Wanted
	if name := g.Config.Docker.BuildsInSandbox(); name != "" {
		w.Runsc = &buildkit.Runsc{Path: g.Current.Runsc, Args: g.argsOf(name)}
		w.ContainerdApart = g.Observed.Flags.Set[flagContainerd] != ""
		if e := g.Observed.Engine; e != nil {
			w.KnowsVariable = capability.Of(e.Version).Can(capability.BuildKitCommand)
		}
	}
	return w.Decide(*g.Observed.BuildKit, g.Observed.Engine != nil)
}

// HeldItems are the items that are held and that daemon.json does not show.
func (p Plan) HeldItems() []string {
	if slices.ContainsFunc(p.Held, func(h steps.Held) bool { return strings.HasPrefix(h.What, config.ItemBuilds) }) {
		return []string{config.ItemBuilds}
	}
	return nil
}

// flagContainerd is the flag of dockerd that names a containerd which it does not start.
const flagContainerd = "containerd"

// chosenBuilds is the part of BuildChange that may be made now. The rest is held.
func (p *planner) chosenBuilds() buildkit.Change {
	change, objection := p.BuildChange()
	if change.IsEmpty() && p.Observed.Engine == nil {
		return buildkit.Change{} // nothing can prove them now
	}
	if change.IsEmpty() {
		return change
	}
	if p.holdContested(config.ItemBuilds) {
		return buildkit.Change{}
	}
	held := steps.Held{What: config.ItemBuilds + " " + p.Config.Docker.Builds, Why: objection}
	switch {
	case p.Observed.Engine == nil:
		held.Why = unproven
	case objection != "":
	case change.Restarts:
		held = p.heldBuildRestart(held)
	}
	if held.Why != "" {
		p.hold(held)
		return buildkit.Change{}
	}
	return change
}

// BuildProofSteps prove the builds of a host as they are, if c has them in a sandbox. The error is a *blocked.Refused if
// they are not there.
func BuildProofSteps(c config.Config, o host.Observed) ([]steps.Step, error) {
	g := NewGoal(c, o)
	if g.Config.Docker.BuildsInSandbox() == "" || o.BuildKit == nil {
		return nil, nil
	}
	if change, _ := g.BuildChange(); !change.IsEmpty() {
		return nil, blocked.Refuse(config.ItemBuilds, "they do not run in %s: run apply first", g.Current.Name)
	}
	var ids *subid.Grant
	if o.Engine.UsernsRemap {
		granted, err := g.Grant()
		if err != nil {
			return nil, err
		}
		ids = &granted
	}
	return []steps.Step{g.buildProof(o.BuildKit.Program.Text, ids)}, nil
}

// buildProof is the proof of builds by a program. ids are those of remapped containers; nil if dockerd does not remap.
func (g Goal) buildProof(program []byte, ids *subid.Grant) steps.ProveBuild {
	name := g.Config.Docker.BuildsInSandbox()
	step := steps.ProveBuild{Release: g.Current.Name, Runtime: name, Args: g.argsOf(name), Program: program}
	if ids != nil {
		step.UIDMap = UIDMap(ids.UIDs)
	}
	return step
}

// heldBuildRestart is held with a reason if Docker must not be restarted for builds now. With live-restore, no container
// is stopped.
func (p *planner) heldBuildRestart(held steps.Held) steps.Held {
	held.Why = p.options.objection(config.DisruptionRestart)
	if held.Why == "" && p.Observed.Unit.NeedDaemonReload {
		held.Why = "systemd has not loaded changes of " + p.Observed.Unit.Name + " yet, and would with this one: run systemctl daemon-reload if they are right, then apply again"
	}
	if held.Why == "" {
		held.Why = p.heldByActivation().Why
	}
	if held.Why == "" && !p.Observed.Engine.LiveRestore {
		held.Why = restartObjection(p.options, false, p.Observed.RunningContainers)
		held.Containers = p.Observed.RunningContainers
	}
	return held
}

// addBuildWrites adds the steps before a restart of Docker. A program that is taken away goes after it: dockerd still has
// it.
func (p *planner) addBuildWrites(c buildkit.Change) {
	if c.WritesProgram && c.Program != nil && c.Restarts {
		p.addBuildWrite(c.Program, false)
	}
	if c.WritesDropIn {
		p.addBuildWrite(c.DropIn, true)
	}
}

// addBuildChecks adds the steps after a restart of Docker. remapped says whether dockerd has userns-remap then.
func (p *planner) addBuildChecks(c buildkit.Change, remapped bool) {
	if c.Restarts {
		p.add(steps.ConfirmBuilds{Program: p.Observed.BuildKit.Program.Path, Uses: c.Program != nil})
	}
	if c.WritesProgram && (c.Program == nil || !c.Restarts) {
		p.addBuildWrite(c.Program, false) // steps run from its release, which is proven by now
	}
	if c.Program == nil || p.options.NoProof {
		return
	}
	ids := p.ids
	if !remapped {
		ids = nil
	}
	step := p.buildProof(c.Program, ids)
	key := p.buildProofKey(step.Args, c.Program, remapped)
	switch {
	case p.Current.ManifestDigest != "" && (p.Observed.Proofs[key] || c.IsEmpty() && p.Observed.Proofs == nil):
		// It is proven. A user who may not read the proofs cannot tell that one is missing.
	case p.options.Unattended != nil && p.Observed.FailedProofs[key]:
		// The failure would undo the repairs of this plan, time and again.
		p.hold(steps.Held{What: config.ItemBuilds + " " + step.Runtime, Why: "the last proof of a build failed; `sudo runsc-provisioner apply` tries it again, and shows why"})
	default:
		p.add(step)
	}
}

func (g Goal) buildProofKey(args []string, program []byte, remapped bool) string {
	return state.BuildProofKey(g.Current.ManifestDigest, args, g.Observed.Engine.Version, g.Observed.BootAndMount, remapped, program)
}

func (p *planner) addBuildWrite(text []byte, dropIn bool) {
	file := p.Observed.BuildKit.Program
	if dropIn {
		file = p.Observed.BuildKit.DropIn
	}
	p.add(steps.WriteBuilds{Path: file.Path, Old: file.Text, New: text, DropIn: dropIn, Runtime: p.Config.Docker.BuildsInSandbox()})
}

// buildsRunFrom reports whether the program that BuildKit has after this plan runs steps from r.
func (p *planner) buildsRunFrom(r release.Installed) bool {
	if p.Observed.BuildKit == nil {
		return false
	}
	text := p.Observed.BuildKit.Program.Text
	for _, step := range p.plan.Steps {
		if write, is := step.(steps.WriteBuilds); is && !write.DropIn {
			text = write.New
		}
	}
	return bytes.Contains(text, []byte(r.Runsc))
}
