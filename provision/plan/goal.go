package plan

import (
	"slices"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

// Goal is the desired state of a host: the configuration, and what follows from it for the host as observed.
// It is a value: no code changes a goal, and WithRelease gives a new one.
type Goal struct {
	Config   config.Config
	Observed host.Observed
	options  Options
	// Current is the release that runtimes shall run: the wanted one, or its stand-in. It has only Name,
	// Dir and Runsc until it is installed.
	Current release.Installed
	// install fetches the wanted release; nil if it is installed, or must not be fetched.
	install *steps.InstallRelease
	// rejecting holds the wanted release, because it rejects arguments of the runtimes; nil if it does not.
	rejecting *Rejecting
	// withdrawn is the wanted release, if holdWithdrawn holds it; else nil.
	withdrawn *release.Withdrawn
	// held has the reasons why the wanted release is not installed.
	held []steps.Held
	// provisional says that the name of the release is not known yet.
	provisional bool
	// noRelease says that neither the wanted release nor a stand-in is available.
	noRelease bool
}

// NewGoal computes the goal of c for a host that looks like o, for a run without options.
func NewGoal(c config.Config, o host.Observed) Goal { return newGoal(c, o, Options{}) }

func newGoal(c config.Config, o host.Observed, opts Options) Goal {
	spec := c.Spec()
	if opts.Named {
		o.Releases, o.Withdrawn = release.Reinstated(o.Releases, o.Withdrawn, spec)
	}
	g := Goal{Config: c, Observed: o, options: opts}
	installed, found := release.NewestSatisfying(o.Releases, spec)
	g.Current = installed
	asked := opts.Upgrade && opts.Unattended == nil
	switch {
	case !found && !asked && g.holdWithdrawn(spec):
	case !found:
		why := "not installed"
		if earlier, moved := release.InEarlierStore(o.EarlierReleases, spec); moved && !opts.Upgrade {
			spec.Version, why = earlier.Name, "not in "+o.Store+" yet; it is in "+earlier.Dir
		}
		g.Current = release.Placeholder(o.Store, spec)
		g.provisional = !spec.Exact()
		g.setInstall(steps.InstallRelease{Spec: spec, Why: why, AllowDowngrade: opts.AllowDowngrade, Asked: asked})
	case !installed.State.Intact():
		spec.Version = installed.Name
		g.setInstall(steps.InstallRelease{Spec: spec, Why: "damaged: " + installed.State.Reason, Damaged: true})
	}
	if opts.Upgrade && !spec.Exact() && g.install == nil && (found || g.withdrawn != nil) {
		g.provisional = true
		g.install = &steps.InstallRelease{Spec: spec, Why: "if newer than " + g.Current.Name, AllowDowngrade: opts.AllowDowngrade, Asked: asked, Auto: !asked, After: time.Duration(c.Release.UpgradeAfter)}
	}
	g.holdRejecting()
	return g
}

// WithRelease is g with another current release.
func (g Goal) WithRelease(r release.Installed) Goal {
	g.Current = r
	return g
}

// setInstall plans step, unless the release is contested or must not be fetched now: then a stand-in becomes
// the current release.
func (g *Goal) setInstall(step steps.InstallRelease) {
	contested, u := g.options.contestedReason(config.ItemRelease), g.options.Unattended
	switch {
	case step.Damaged && contested != "":
		g.held = append(g.held, steps.Held{What: config.ItemRelease, Why: contested})
	case u != nil && u.NoFetch != "":
		g.held = append(g.held, steps.Held{What: "release " + step.Spec.Version + " (" + step.Why + ")", Why: u.NoFetch})
	default:
		g.install = &step
		return
	}
	g.provisional = false
	var found bool
	g.Current, found = g.standIn()
	g.noRelease = !found
}

// standIn is the release to use while the wanted one is not available: the intact one that Docker is
// configured to run, or that it runs now, or else the newest intact one.
func (g Goal) standIn() (release.Installed, bool) {
	usable := release.UsableOf(g.Observed.Releases)
	if r, found := g.inDocker(usable); found {
		return r, true
	}
	return release.NewestOf(usable)
}

// holdWithdrawn holds what spec asks for, and reports true, if this host went back from it. Then a stand-in becomes the
// current release.
func (g *Goal) holdWithdrawn(spec release.Spec) bool {
	for _, w := range slices.Backward(g.Observed.Withdrawn) {
		if w.Satisfies(spec) {
			var found bool
			g.Current, found = g.standIn()
			g.withdrawn, g.noRelease = &w, !found
			g.held = append(g.held, steps.Held{What: "release " + w.Release, Why: w.Reason() + "; to use it again: sudo runsc-provisioner apply --release=" + w.Release})
			return true
		}
	}
	return false
}

// Withdrawn is the wanted release, if holdWithdrawn holds it; else nil.
func (g Goal) Withdrawn() *release.Withdrawn { return g.withdrawn }

// InUse is the release that Docker is configured to run, or that it runs now; false if there is none.
func (g Goal) InUse() (release.Installed, bool) { return g.inDocker(g.Observed.Releases) }

// checkDowngrade refuses a release that a person names if Docker uses a newer one.
func (g Goal) checkDowngrade() error {
	used, found := g.InUse()
	name := g.Current.Name
	if g.provisional {
		name = g.Config.Release.Version // Current has a placeholder
	}
	if g.options.Named && !g.options.AllowDowngrade && found && release.IsOlder(name, used.Name) {
		return &release.OlderError{Release: name, Than: used.Name + ", which Docker runs"}
	}
	return nil
}

// inDocker is the one of the releases that Docker is configured to run as one of our runtimes, or that it runs
// now; false if there is none.
func (g Goal) inDocker(releases []release.Installed) (release.Installed, bool) {
	for _, name := range g.uncontestedNames() {
		for _, r := range releases {
			if r.Runsc == g.Observed.File.Doc.Runtimes()[name].Path {
				return r, true
			}
			if e := g.Observed.Engine; e != nil && r.Runsc == e.Runtimes[name].Path {
				return r, true
			}
		}
	}
	return release.Installed{}, false
}

// MissingRelease is the step that installs the release that c asks for; false if it is installed and intact.
func MissingRelease(c config.Config, o host.Observed) (step steps.InstallRelease, missing bool) {
	g := NewGoal(c, o)
	if g.install == nil {
		return steps.InstallRelease{}, false
	}
	return *g.install, true
}

// uncontestedNames are the configured runtimes that the plan may change: those that no other program keeps
// changing, and that have no settings which would get lost.
func (g Goal) uncontestedNames() []string {
	return slices.DeleteFunc(g.Config.RuntimeNames(), func(name string) bool { return g.heldRuntime(name) != "" })
}
