// Package plan compares what is wanted with what a host looks like, and gives the steps
// that lead from one to the other, as data. It is pure: it reads nothing and changes
// nothing. A step that needs more consent than was given is held, with the reason.
package plan

import (
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/subid"
)

// Plan is what would change a host so that it is as wanted.
type Plan struct {
	Steps    []Step   `json:"steps"`
	Held     []Held   `json:"held,omitempty"`
	Hidden   []Hidden `json:"hidden,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Activates names what daemon.json has besides, not loaded yet, that the
	// plan's reloads or restarts bring into effect.
	Activates []string `json:"activates,omitempty"`
	// Provisional says that the release is not known by name before it was
	// fetched: paths in the plan have a placeholder, and only the first step
	// can be carried out before the host is observed again.
	Provisional bool `json:"provisional,omitempty"`
}

// Empty reports whether the host is as wanted, as far as it may be made so.
func (p Plan) Empty() bool { return len(p.Steps) == 0 }

// Disruption is the most that any step disturbs.
func (p Plan) Disruption() config.Disruption {
	most := config.DisruptionNone
	for _, s := range p.Steps {
		most = max(most, s.Kind().Disruption)
	}
	return most
}

// Options are what one run wants beside the configuration.
type Options struct {
	// Upgrade asks the channel for a newer release although an installed one
	// satisfies the configuration.
	Upgrade bool
	// AllowRestart consents to a restart of Docker that stops containers.
	AllowRestart bool
	// NoProof leaves out the proofs, and the plan says so.
	NoProof bool
	// AllowHiddenData consents to a data root in which what Docker has now is not
	// seen.
	AllowHiddenData bool
	// MigrateImages brings the images along when userns-remap is switched on.
	MigrateImages bool
	// Purge also removes the account and the ranges that were made for
	// userns-remap, once it is off.
	Purge bool
	// Unattended is what the daemon may do by itself; nil is a run that somebody
	// has asked for.
	Unattended *Unattended
}

// New compares what is wanted with what was observed. It is pure. The
// error is a *blocked.Refused when the host must not be touched as it is.
func New(c config.Config, o host.Observed, opts Options) (Plan, error) {
	if conflict := FlagConflict(c, o); conflict != nil {
		return Plan{}, &blocked.Refused{Object: o.Unit.Name, Err: conflict}
	}
	p := planner{Goal: newGoal(c, o, opts)}
	p.plan.Held, p.plan.Provisional = p.held, p.provisional
	if p.install != nil {
		p.add(*p.install)
	}
	if p.noRelease {
		return p.plan, nil
	}
	if err := p.planDocker(); err != nil {
		return Plan{}, err
	}
	p.warnOfWrites()
	p.planRemovals()
	p.planImages()
	p.planPurge()
	return p.plan, nil
}

// FlagConflict is an option that c manages and dockerd has as a flag: one that is
// both is fatal to dockerd, even with equal values (moby
// daemon/config/config.go). What is not managed may be a flag.
func FlagConflict(c config.Config, o host.Observed) *engine.FlagConflict {
	managed := map[string]bool{config.ItemDefaultRuntime: c.Docker.DefaultRuntime != "", config.ItemUsernsRemap: c.Docker.UsernsRemap != ""}
	for _, conflict := range o.Conflicts {
		if managed[conflict.Option] {
			return conflict
		}
	}
	return nil
}

// planner gathers the steps of one plan.
type planner struct {
	Goal
	plan         Plan
	ids          *subid.Grant // where userns-remap is wanted
	beforeDocker []Step       // for userns-remap, before Docker is touched
}

func (p *planner) add(steps ...Step) { p.plan.Steps = append(p.plan.Steps, steps...) }

func (p *planner) hold(h Held) { p.plan.Held = append(p.plan.Held, h) }

// holdContested reports whether item is left as another program has made it, and holds it.
func (p *planner) holdContested(item string) bool {
	why := p.options.contestedReason(item)
	if why != "" {
		p.hold(Held{What: item, Why: why})
	}
	return why != ""
}

func (p *planner) warn(text string) { p.plan.Warnings = append(p.plan.Warnings, text) }

// planLink points the one link for people's shells at the release, unless
// somebody else's file stands there.
func (p *planner) planLink() {
	link := p.Observed.Link
	switch {
	case link.Kind == release.LinkForeign:
		p.warn("left alone: " + link.Path + " is " + link.Is)
	case link.Kind == release.LinkOurs && link.Release == p.Current.Name:
	case p.holdContested(config.ItemLink):
	default:
		p.add(Link{Path: link.Path, Target: p.Current.Runsc, Release: p.Current.Name})
	}
}
