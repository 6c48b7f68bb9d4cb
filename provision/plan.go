package provision

import (
	"path/filepath"
	"slices"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
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
		most = max(most, s.Disruption())
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

// NewPlan compares what is wanted with what was observed. It is pure. The
// error is a *blocked.Refused when the host must not be touched as it is.
func NewPlan(c config.Config, o Observed, opts Options) (Plan, error) {
	if conflict := conflictOf(c, o); conflict != nil {
		return Plan{}, &blocked.Refused{Object: o.Unit.Name, Err: conflict}
	}
	b := builder{config: c, observed: o, options: opts}
	if !b.release() {
		return b.plan, nil
	}
	if err := b.docker(); err != nil {
		return Plan{}, err
	}
	b.writes()
	b.prune()
	b.load()
	b.purge()
	return b.plan, nil
}

// conflictOf is an option that c manages and dockerd has as a flag: one that is
// both is fatal to dockerd, even with equal values (moby
// daemon/config/config.go). What is not managed may be a flag.
func conflictOf(c config.Config, o Observed) *engine.FlagConflict {
	managed := map[string]bool{config.ItemDefaultRuntime: c.Docker.DefaultRuntime != "", config.ItemUsernsRemap: c.Docker.UsernsRemap != ""}
	for _, conflict := range o.Conflicts {
		if managed[conflict.Option] {
			return conflict
		}
	}
	return nil
}

// builder gathers the steps of one plan.
type builder struct {
	options  Options
	config   config.Config
	observed Observed
	plan     Plan
	current  release.Installed // the release that is wanted; only Name and Runsc when provisional
	ids      *subid.Grant      // where userns-remap is wanted
	early    []Step            // for userns-remap, before Docker is touched
}

func (b *builder) add(steps ...Step) { b.plan.Steps = append(b.plan.Steps, steps...) }

func (b *builder) hold(h Held) { b.plan.Held = append(b.plan.Held, h) }

func (b *builder) warn(text string) { b.plan.Warnings = append(b.plan.Warnings, text) }

// release settles which release is wanted, and installs it. It reports false
// where there is none to go on with.
func (b *builder) release() bool {
	spec := b.config.Spec()
	installed, found := satisfying(b.observed.Releases, spec)
	b.current = installed
	switch {
	case !found:
		b.current = expected(b.observed.Store, spec)
		b.plan.Provisional = !spec.Exact()
		return b.install(InstallRelease{Spec: spec, Why: "not installed"})
	case !installed.State.Intact():
		spec.Version = installed.Name
		return b.install(InstallRelease{Spec: spec, Why: "damaged: " + installed.State.Reason, Damaged: true})
	case b.options.Upgrade && !spec.Exact():
		b.plan.Provisional = true
		b.add(InstallRelease{Spec: spec, Why: "if newer than " + installed.Name})
	}
	return true
}

// satisfying is the newest installed release that is what spec asks for.
func satisfying(installed []release.Installed, spec release.Spec) (release.Installed, bool) {
	var fit []release.Installed
	for _, r := range installed {
		if r.Satisfies(spec) {
			fit = append(fit, r)
		}
	}
	if len(fit) == 0 {
		return release.Installed{}, false
	}
	return slices.MinFunc(fit, release.Newest), true
}

// expected stands for a release that is not installed yet. One that is not
// known by name has a placeholder for it.
func expected(store string, spec release.Spec) release.Installed {
	name := spec.Version
	if !spec.Exact() {
		name = "{" + spec.Version + "}"
	}
	dir := filepath.Join(store, name)
	return release.Installed{Name: name, Dir: dir, Runsc: filepath.Join(dir, "runsc")}
}

// link points the one link for people's shells at the release, unless
// somebody else's file stands there.
func (b *builder) link() {
	link := b.observed.Link
	switch {
	case link.Kind == release.LinkForeign:
		b.warn("left alone: " + link.Path + " is " + link.Is)
	case link.Kind == release.LinkOurs && link.Release == b.current.Name:
	case b.contested(config.ItemLink):
	default:
		b.add(Link{Path: link.Path, Target: b.current.Runsc, Release: b.current.Name})
	}
}
