package plan

import (
	"path/filepath"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
)

// Goal is what a host is to be: the configuration, and what follows from it for the
// host as it was seen. It is a value that is settled once and never changed.
type Goal struct {
	Config   config.Config
	Observed host.Observed
	options  Options
	// current is the release that runtimes are to run: the wanted one, or what stands
	// in for it. It has only Name, Dir and Runsc until it is installed.
	Current release.Installed
	// install brings the wanted release; nil where it is there, or may not be brought.
	install *InstallRelease
	// held has what keeps the wanted release from being installed.
	held []Held
	// provisional says that the name of the release is not known yet.
	provisional bool
	// nothing says that there is no release to go on with.
	noRelease bool
}

// NewGoal settles the goal of c for a host that looks like o, as far as it does not
// depend on the options of a run.
func NewGoal(c config.Config, o host.Observed) Goal { return newGoal(c, o, Options{}) }

// newGoal settles which release is current, and what has to be installed for it.
func newGoal(c config.Config, o host.Observed, opts Options) Goal {
	g := Goal{Config: c, Observed: o, options: opts}
	spec := c.Spec()
	installed, found := NewestSatisfying(o.Releases, spec)
	g.Current = installed
	switch {
	case !found:
		g.Current = placeholder(o.Store, spec)
		g.provisional = !spec.Exact()
		g.setInstall(InstallRelease{Spec: spec, Why: "not installed"})
	case !installed.State.Intact():
		spec.Version = installed.Name
		g.setInstall(InstallRelease{Spec: spec, Why: "damaged: " + installed.State.Reason, Damaged: true})
	case opts.Upgrade && !spec.Exact():
		g.provisional = true
		g.install = &InstallRelease{Spec: spec, Why: "if newer than " + installed.Name}
	}
	return g
}

// setInstall has a release installed, unless it may not be fetched or is contested: then
// another one stands in for it.
func (g *Goal) setInstall(step InstallRelease) {
	contested, u := g.options.contestedReason(config.ItemRelease), g.options.Unattended
	switch {
	case step.Damaged && contested != "":
		g.held = append(g.held, Held{What: config.ItemRelease, Why: contested})
	case u != nil && u.NoFetch != "":
		g.held = append(g.held, Held{What: "release " + step.Spec.Version + " (" + step.Why + ")", Why: u.NoFetch})
	default:
		g.install = &step
		return
	}
	g.provisional = false
	var found bool
	g.Current, found = g.standIn()
	g.noRelease = !found
}

// NewestSatisfying is the newest installed release that is what spec asks for.
func NewestSatisfying(installed []release.Installed, spec release.Spec) (release.Installed, bool) {
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

// placeholder stands for a release that is not installed yet. One that is not
// known by name has a placeholder for it.
func placeholder(store string, spec release.Spec) release.Installed {
	name := spec.Version
	if !spec.Exact() {
		name = "{" + spec.Version + "}"
	}
	dir := filepath.Join(store, name)
	return release.Installed{Name: name, Dir: dir, Runsc: filepath.Join(dir, "runsc")}
}

// MissingRelease is what has to be installed for o to be as c wants it, and whether
// anything has. It is pure.
func MissingRelease(c config.Config, o host.Observed) (s InstallRelease, lacking bool) {
	g := NewGoal(c, o)
	if g.install == nil {
		return InstallRelease{}, false
	}
	return *g.install, true
}

// DaemonJSON is daemon.json with all that is wanted, also what has to wait.
func (g Goal) DaemonJSON() (daemonjson.Document, error) {
	doc, err := g.withRuntimes()
	if err == nil {
		doc, _, err = g.withDefault(doc)
	}
	if err == nil {
		doc, err = g.withRemap(doc)
	}
	return doc, err
}
