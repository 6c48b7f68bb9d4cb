package plan

import (
	"bytes"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// docker brings daemon.json, and dockerd with it, to what is wanted.
func (p *planner) docker() error {
	for _, name := range p.Config.RuntimeNames() {
		p.leaves(config.RuntimeItem(name))
	}
	registered, err := p.register()
	if err != nil {
		return err
	}
	final, restart, err := p.final(registered)
	if err != nil {
		return err
	}
	p.dockerSteps(registered, final, restart)
	return nil
}

// register is daemon.json with the managed runtimes as wanted.
func (g Goal) register() (daemonjson.Document, error) {
	runtimes := map[string]*daemonjson.Runtime{}
	for _, name := range g.names() {
		args := g.args(name)
		if slices.Equal(args, g.Observed.File.Doc.Runtimes()[name].Args) {
			args = nil // they stay as they are written
		}
		runtimes[name] = &daemonjson.Runtime{Path: g.Current.Runsc, Args: args}
	}
	return g.edit(g.Observed.File.Doc, daemonjson.Want{Runtimes: runtimes})
}

// choose is doc with the default runtime of the configuration, and what is held
// instead; Held.What is empty where nothing is.
func (g Goal) choose(doc daemonjson.Document) (chosen daemonjson.Document, held Held, err error) {
	name := g.Config.Docker.DefaultRuntime
	if name == "" {
		return doc, Held{}, nil
	}
	if why := g.options.contested(config.ItemDefaultRuntime); why != "" && config.DefaultRuntimeIn(doc) != name {
		return doc, Held{What: config.ItemDefaultRuntime, Why: why}, nil
	}
	if _, managed := g.Config.Docker.Runtimes[name]; managed && !slices.Contains(g.names(), name) {
		if _, defined := doc.Runtimes()[name]; !defined {
			return doc, Held{What: config.ItemDefaultRuntime + " " + name, Why: "its runtime is contested and not defined: dockerd would not start"}, nil
		}
	}
	chosen, err = g.edit(doc, daemonjson.Want{DefaultRuntime: &g.Config.Docker.DefaultRuntime})
	return chosen, Held{}, err
}

// unproven is why what depends on a proof is held while Docker is stopped.
const unproven = "Docker is not running, so that nothing proves that its containers start; run apply again once it does"

// final is registered with all that may be written now, and whether dockerd is
// to be restarted for it. What has to wait is held, and its key not written: it
// would be a trap that the next unrelated restart springs.
func (p *planner) final(registered daemonjson.Document) (doc daemonjson.Document, restart bool, err error) {
	stopped := p.Observed.Engine == nil
	chosen, held, err := p.choose(registered)
	if err != nil {
		return doc, false, err
	}
	if held.What != "" {
		p.hold(held)
	}
	if stopped && Differ(registered, chosen) {
		p.hold(Held{What: "default-runtime " + p.Config.Docker.DefaultRuntime,
			Why: unproven})
		chosen = registered
	}
	return p.remapped(chosen)
}

func Differ(a, b daemonjson.Document) bool { return !bytes.Equal(a.Bytes(), b.Bytes()) }

func (g Goal) edit(doc daemonjson.Document, want daemonjson.Want) (daemonjson.Document, error) {
	edited, err := daemonjson.Edit(doc, want)
	if err != nil {
		return daemonjson.Document{}, &blocked.Refused{Object: g.Observed.File.Path, Err: err}
	}
	return edited, nil
}

// dockerSteps turns the three texts (as observed, registered, final) and what
// dockerd runs with into steps. Without a proof that is remembered, the
// runtimes are registered and proven through Docker before anything depends on
// them.
func (p *planner) dockerSteps(registered, final daemonjson.Document, restart bool) {
	at := p.Observed.File.Doc
	if p.Observed.Engine == nil {
		p.stoppedSteps(at, final)
		return
	}
	all := p.wanted(final, restart)
	if p.tooMuch(at, final, all) || p.unsafe(at, registered, final, all, restart) {
		p.link()
		return
	}
	remapped := p.Observed.Engine.UsernsRemap
	names := p.tried(Differ(at, registered), all, restart)
	p.prove(names, remapped)
	p.add(p.early...)
	p.link()
	if staged := (Differ(registered, final) || restart) && !p.proven(names, remapped); staged {
		if runtimes := (Settings{Runtimes: p.Managed(registered)}); Differ(at, registered) {
			p.write(at, registered, p.registers(registered))
			at = registered
			p.reload(at, runtimes, false)
		} else if runtimes.Missing(*p.Observed.Engine) != nil {
			p.reload(at, runtimes, true)
		}
		p.proveInDocker(names, registered, remapped)
		if !restart {
			names = nil
		}
	}
	if Differ(at, final) {
		p.write(at, final, p.says(at, final))
	}
	switch {
	case restart:
		p.restart(all)
	case Differ(at, final):
		p.reload(final, all, false)
	case all.Missing(*p.Observed.Engine) != nil:
		p.reload(final, all, true)
	}
	if restart {
		remapped = p.Config.Docker.Remap() == config.RemapOn
	}
	p.proveInDocker(names, final, remapped)
	p.saysActivated(final)
}

// unsafe holds what a reload is needed for, where one would take away or break
// what dockerd has.
func (p *planner) unsafe(at, registered, final daemonjson.Document, all Settings, restart bool) bool {
	if !Differ(at, final) && all.Missing(*p.Observed.Engine) == nil {
		return false
	}
	if restart && !Differ(at, registered) && p.proven(p.names(), p.Observed.Engine.UsernsRemap) {
		return false // a restart reads the flags again, and no reload comes before it
	}
	if p.forgetsHeld(at, final, all) || p.authorizationHeld(at, final, all) || !Differ(at, registered) && p.failedHeld(all) {
		p.early = nil
		return true
	}
	return false
}

// tooMuch holds what a reload is needed for, where that is beyond what may be
// done, or where somebody else changes back what dockerd runs with.
func (p *planner) tooMuch(at, final daemonjson.Document, all Settings) bool {
	missing := all.Missing(*p.Observed.Engine)
	if !Differ(at, final) && (missing == nil || p.leaves(config.ItemDockerd)) {
		return missing != nil
	}
	why := p.options.beyond(config.DisruptionReload)
	if why == "" {
		return false
	}
	what := p.says(at, final)
	if what == "" {
		what = "dockerd: " + missing.Error()
	}
	p.hold(Held{What: what, Why: why})
	return true
}

// stoppedSteps are those that need no dockerd: what is written takes effect
// when it starts.
func (p *planner) stoppedSteps(at, final daemonjson.Document) {
	if Differ(at, final) {
		p.prove(p.names(), false)
	}
	p.link()
	if Differ(at, final) {
		p.write(at, final, p.says(at, final))
		p.warn("the runtimes take effect when Docker starts")
	}
}

// tried are the runtimes of which a proof is wanted before the plan relies on
// them: all of them where they change or Docker is restarted, else the default
// if that changes in dockerd, and those that a reload changes in dockerd or that
// it has loaded without a proof.
func (p *planner) tried(registers bool, want Settings, restart bool) []string {
	name := want.Default
	_, managed := p.Config.Docker.Runtimes[name]
	var names []string
	if managed && (p.Observed.Engine.DefaultRuntime != name || config.DefaultRuntimeIn(p.Observed.File.Doc) != name) {
		names = append(names, name)
	}
	names = p.unseen(names, want)
	if !registers && !restart && len(names) == 0 {
		return nil
	}
	if p.options.NoProof {
		p.warn("no proof: --no-proof was given, and nothing shows that containers start in a sandbox")
		return nil
	}
	if registers || restart {
		return p.names()
	}
	return names
}

// wanted is what dockerd has to run with in the end. What is held is not
// looked for.
func (p *planner) wanted(final daemonjson.Document, restart bool) Settings {
	want := Settings{Runtimes: p.Managed(final)}
	if name, ok := final.DefaultRuntime(); ok && name == p.Config.Docker.DefaultRuntime {
		want.Default = name
	}
	if restart {
		want.Remap, want.Root = p.Config.Docker.Remap(), host.DataRootOf(*p.Observed.Engine)
		if p.ids != nil {
			want.Root = RemappedRoot(want.Root, *p.ids)
		}
	}
	return want
}

// Managed gives our runtimes as doc has them: arguments that the configuration
// leaves alone are those of the file.
func (g Goal) Managed(doc daemonjson.Document) map[string]daemonjson.Runtime {
	runtimes := map[string]daemonjson.Runtime{}
	for _, name := range g.names() {
		runtimes[name] = doc.Runtimes()[name]
	}
	return runtimes
}

// prove asks for a sandbox of each runtime, but for those of which a proof is
// remembered.
func (p *planner) prove(names []string, remapped bool) {
	if p.options.NoProof {
		return
	}
	var asked [][]string
	for _, name := range names {
		args := p.args(name)
		if p.proven([]string{name}, remapped) || slices.ContainsFunc(asked, func(p []string) bool { return slices.Equal(p, args) }) {
			continue
		}
		asked = append(asked, args)
		p.add(Prove{Release: p.Current.Name, Runtime: name, Args: args, CgroupDriver: p.cgroupDriver()})
	}
}

// proveInDocker asks for a container under each runtime.
func (p *planner) proveInDocker(names []string, doc daemonjson.Document, remapped bool) {
	for _, name := range names {
		if !p.proven([]string{name}, remapped) {
			step := ProveInDocker{Release: p.Current.Name, Runtime: name, Args: doc.Runtimes()[name].Args, Writes: p.WritesPromised(name)}
			if remapped && p.ids != nil {
				step.UIDMap = UIDMap(p.ids.UIDs)
			}
			p.add(step)
		}
	}
}

// proven reports whether a proof of every one is remembered.
func (g Goal) proven(names []string, remapped bool) bool {
	if g.Observed.Engine == nil || g.Current.ManifestDigest == "" {
		return len(names) == 0
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		return !g.Observed.Proofs[g.proofKeyOf(g.args(name), remapped)]
	})
}

// cgroupDriver is how dockerd makes the cgroups of containers, or "" while it
// does not run.
func (g Goal) cgroupDriver() string {
	if g.Observed.Engine == nil {
		return ""
	}
	return g.Observed.Engine.CgroupDriver
}

func (p *planner) write(old, text daemonjson.Document, what string) {
	p.add(WriteDaemonJSON{File: p.Observed.File, Old: old.Bytes(), New: text.Bytes(), What: what, Items: p.items(old, text)})
}

func (p *planner) reload(text daemonjson.Document, confirm Settings, alone bool) {
	confirm.Keeps = keeps(p.Config, p.Observed, text)
	p.add(Reload{Unit: p.Observed.Unit.Name, Alone: alone}, Confirm{confirm})
}

func (p *planner) restart(confirm Settings) {
	p.add(Restart{Unit: p.Observed.Unit.Name, Stops: p.Observed.Running}, Confirm{confirm})
}
