// Package plan compares the configuration with the host as observed, and gives the steps that make the host
// match, as data. It is pure: it reads nothing and changes nothing. A step that needs more consent than was
// given is held, with the reason.
//
// New makes a plan in four moves:
//
//  1. Goal (goal.go): which release the runtimes shall run, and whether it must be installed first.
//  2. Three texts of daemon.json (document.go): as observed; with our runtimes registered; and final, with
//     the default runtime and userns-remap too. A part that must wait is held and left out of the final text.
//  3. Steps (docker.go): prove the runtimes, write daemon.json, reload or restart dockerd, confirm, and prove
//     again through Docker. Without an earlier proof, the runtimes are registered and proven through Docker
//     before the default runtime or userns-remap relies on them.
//  4. The rest: warnings about lost writes, old releases to remove, images to load, and ids to take back.
//
// A new kind of step is a type and its Kind in step.go, and a row in provision that carries it out.
package plan

import (
	"cmp"
	"path/filepath"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/capability"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/subid"
)

// Plan is what makes a host match its configuration.
type Plan struct {
	// Unfinished is a change that apply settles before the steps; nil if there is none. The steps are then
	// those for the host as it is, and may change.
	Unfinished *Unfinished `json:"unfinished,omitempty"`

	Steps    []steps.Step `json:"steps"`
	Held     []steps.Held `json:"held,omitempty"`
	Hidden   []Hidden     `json:"hidden,omitempty"`
	Warnings []string     `json:"warnings,omitempty"`
	// Activates names the other settings of daemon.json that dockerd has not loaded yet, and that the
	// plan's reloads or restarts bring into effect.
	Activates []string `json:"activates,omitempty"`
	// Provisional says that the release has no known name before it is fetched. Paths in the plan then
	// have a placeholder, and the host must be observed again after the first step.
	Provisional bool `json:"provisional,omitempty"`
	// Switch says what differs for existing containers if the steps make a runtime of ours the default. New leaves it
	// nil: it takes questions to dockerd.
	Switch *difference.Switch `json:"switch,omitempty"`
}

// Empty reports whether there are no steps. Parts may still be held, and Unfinished may be set.
func (p Plan) Empty() bool { return len(p.Steps) == 0 }

// Disruption is that of the most disruptive step.
func (p Plan) Disruption() config.Disruption {
	most := config.DisruptionNone
	for _, s := range p.Steps {
		most = max(most, s.Kind().Disruption)
	}
	return most
}

// Options are what the user or the daemon asks of one run, besides the configuration.
type Options struct {
	// Upgrade asks the channel for a newer release although an installed one satisfies the configuration.
	Upgrade bool
	// AllowDowngrade allows a release or an index that is older than one that was seen, or in use.
	AllowDowngrade bool
	// Named says that a person asks for the release of this run by its name, also if this host went back from it.
	Named bool
	// AllowRestart allows a restart of Docker that stops containers.
	AllowRestart bool
	// NoProof skips the proofs; the plan warns of it.
	NoProof bool
	// AllowHiddenData allows another data root, which hides Docker's existing data.
	AllowHiddenData bool
	// MigrateImages copies the images when userns-remap is switched on.
	MigrateImages bool
	// Purge also removes the account and the ranges that this program made for userns-remap, once it is off.
	Purge bool
	// NoLink says why the link cannot be made; "" if it can.
	NoLink string
	// Uninstall has what NewUninstall needs; nil for New.
	Uninstall *Uninstall
	// Unattended limits what the daemon may do by itself; nil is a run that a person started.
	Unattended *Unattended
}

// New compares c with o and plans the steps. The error is a *blocked.Refused if the host must not be touched
// in its current state, or a *room.Error if there is no room for the images.
func New(c config.Config, o host.Observed, opts Options) (Plan, error) {
	if conflict := FlagConflict(c, o); conflict != nil {
		return Plan{}, &blocked.Refused{Object: o.Unit.Name, Err: conflict}
	}
	p := planner{Goal: newGoal(c, o, opts)}
	if err := p.checkDowngrade(); err != nil {
		return Plan{}, err
	}
	p.plan.Unfinished, p.plan.Held, p.plan.Provisional = unfinishedOf(o.Journal), p.held, p.provisional
	p.holdStopped()
	if p.rejecting != nil {
		p.hold(p.rejecting.Held())
	}
	if p.install != nil {
		p.add(*p.install)
	}
	if p.noRelease {
		return p.plan, nil
	}
	if err := p.planDocker(); err != nil {
		return Plan{}, err
	}
	for _, d := range o.Defects {
		p.warn(d.Path + " cannot be used: " + d.Reason + "; apply moves it away, and goes on without it")
	}
	p.warnOfWrites()
	p.warnOfEngine()
	if o.SnapRuns {
		p.warn(SnapWarning)
	}
	p.planRemovals()
	p.planEarlier()
	if note := p.Current.TrustNote(c.Release.Trust); note != "" && p.install == nil {
		p.warn(note)
	}
	if p.Observed.ServiceCannotWrite != "" {
		p.warn(p.Observed.ServiceCannotWrite)
	}
	p.planImages()
	p.planPurge()
	return p.plan, nil
}

// SnapWarning is for a host where Docker runs as a snap beside docker.service.
const SnapWarning = "Docker also runs as a snap (" + host.SnapUnit + "): its containers are outside gVisor, and nothing here changes or checks them"

// FlagConflict is an option that dockerd has as a flag, and that c manages or daemon.json has (hosts), or nil.
// dockerd neither starts nor reloads with an option in both places, even with equal values (moby
// daemon/config/config.go). Flags for options that c does not manage are fine.
func FlagConflict(c config.Config, o host.Observed) *commandline.FlagConflict {
	inFile := map[string]bool{
		config.ItemDefaultRuntime: c.Docker.DefaultRuntime != "" && c.Docker.DefaultRuntime != config.Off, config.ItemUsernsRemap: c.Docker.UsernsRemap != "",
		host.OptionHosts: o.File.Doc.Has(host.OptionHosts),
	}
	for _, conflict := range o.FlagConflicts {
		if inFile[conflict.Option] {
			return conflict
		}
	}
	return nil
}

// planner collects the steps of one plan. Only its methods add steps.
type planner struct {
	Goal
	plan         Plan
	ids          *subid.Grant // nil unless userns-remap is wanted
	beforeDocker []steps.Step // for userns-remap, before Docker is touched
}

func (p *planner) add(steps ...steps.Step) { p.plan.Steps = append(p.plan.Steps, steps...) }

func (p *planner) hold(h steps.Held) { p.plan.Held = append(p.plan.Held, h) }

// holdContested holds item, and reports true, if another program keeps changing it.
func (p *planner) holdContested(item string) bool {
	reason := p.options.contestedReason(item)
	if reason != "" {
		p.hold(steps.Held{What: item, Why: reason})
	}
	return reason != ""
}

func (p *planner) warn(text string) { p.plan.Warnings = append(p.plan.Warnings, text) }

// warnOfEngine warns, before a step that Docker notices, if this version of dockerd was not tested.
func (p *planner) warnOfEngine() {
	if p.Observed.Engine == nil || p.plan.Disruption() == config.DisruptionNone {
		return
	}
	if why := capability.Of(p.Observed.Engine.Version).Untested(); why != "" {
		p.warn(why)
	}
}

// planLink points the link in PATH at the release, unless another program's file is in its place.
func (p *planner) planLink() {
	link := p.Observed.Link
	cannot := cmp.Or(p.Observed.CannotWrite[filepath.Dir(link.Path)], p.options.NoLink)
	switch {
	case link.Path == "", link.LeadsTo(p.Current):
	case link.Kind == release.LinkForeign:
		p.warn("left alone: " + link.Path + " is " + link.Is)
	case cannot != "":
		p.warn(NoLinkWarning(link.Path, cannot))
	case p.holdContested(config.ItemLink):
	default:
		p.add(steps.Link{Path: link.Path, Target: p.Current.Runsc, Release: p.Current.Name})
	}
}
