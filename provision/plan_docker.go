package provision

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
	for _, name := range p.config.RuntimeNames() {
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
		if slices.Equal(args, g.observed.File.Doc.Runtimes()[name].Args) {
			args = nil // they stay as they are written
		}
		runtimes[name] = &daemonjson.Runtime{Path: g.current.Runsc, Args: args}
	}
	return g.edit(g.observed.File.Doc, daemonjson.Want{Runtimes: runtimes})
}

// choose is doc with the default runtime of the configuration, and what is held
// instead; Held.What is empty where nothing is.
func (g Goal) choose(doc daemonjson.Document) (chosen daemonjson.Document, held Held, err error) {
	name := g.config.Docker.DefaultRuntime
	if name == "" {
		return doc, Held{}, nil
	}
	if why := g.options.contested(config.ItemDefaultRuntime); why != "" && config.DefaultRuntimeIn(doc) != name {
		return doc, Held{What: config.ItemDefaultRuntime, Why: why}, nil
	}
	if _, managed := g.config.Docker.Runtimes[name]; managed && !slices.Contains(g.names(), name) {
		if _, defined := doc.Runtimes()[name]; !defined {
			return doc, Held{What: config.ItemDefaultRuntime + " " + name, Why: "its runtime is contested and not defined: dockerd would not start"}, nil
		}
	}
	chosen, err = g.edit(doc, daemonjson.Want{DefaultRuntime: &g.config.Docker.DefaultRuntime})
	return chosen, Held{}, err
}

// unproven is why what depends on a proof is held while Docker is stopped.
const unproven = "Docker is not running, so that nothing proves that its containers start; run apply again once it does"

// final is registered with all that may be written now, and whether dockerd is
// to be restarted for it. What has to wait is held, and its key not written: it
// would be a trap that the next unrelated restart springs.
func (p *planner) final(registered daemonjson.Document) (doc daemonjson.Document, restart bool, err error) {
	stopped := p.observed.Engine == nil
	chosen, held, err := p.choose(registered)
	if err != nil {
		return doc, false, err
	}
	if held.What != "" {
		p.hold(held)
	}
	if stopped && differ(registered, chosen) {
		p.hold(Held{What: "default-runtime " + p.config.Docker.DefaultRuntime,
			Why: unproven})
		chosen = registered
	}
	return p.remapped(chosen)
}

func differ(a, b daemonjson.Document) bool { return !bytes.Equal(a.Bytes(), b.Bytes()) }

func (g Goal) edit(doc daemonjson.Document, want daemonjson.Want) (daemonjson.Document, error) {
	edited, err := daemonjson.Edit(doc, want)
	if err != nil {
		return daemonjson.Document{}, &blocked.Refused{Object: g.observed.File.Path, Err: err}
	}
	return edited, nil
}

// dockerSteps turns the three texts (as observed, registered, final) and what
// dockerd runs with into steps. Without a proof that is remembered, the
// runtimes are registered and proven through Docker before anything depends on
// them.
func (p *planner) dockerSteps(registered, final daemonjson.Document, restart bool) {
	at := p.observed.File.Doc
	if p.observed.Engine == nil {
		p.stoppedSteps(at, final)
		return
	}
	all := p.wanted(final, restart)
	if p.tooMuch(at, final, all) || p.unsafe(at, registered, final, all, restart) {
		p.link()
		return
	}
	remapped := p.observed.Engine.UsernsRemap
	names := p.tried(differ(at, registered), all, restart)
	p.prove(names, remapped)
	p.add(p.early...)
	p.link()
	if staged := (differ(registered, final) || restart) && !p.proven(names, remapped); staged {
		if runtimes := (Settings{Runtimes: p.managed(registered)}); differ(at, registered) {
			p.write(at, registered, p.registers(registered))
			at = registered
			p.reload(at, runtimes, false)
		} else if runtimes.Missing(*p.observed.Engine) != nil {
			p.reload(at, runtimes, true)
		}
		p.proveInDocker(names, registered, remapped)
		if !restart {
			names = nil
		}
	}
	if differ(at, final) {
		p.write(at, final, p.says(at, final))
	}
	switch {
	case restart:
		p.restart(all)
	case differ(at, final):
		p.reload(final, all, false)
	case all.Missing(*p.observed.Engine) != nil:
		p.reload(final, all, true)
	}
	if restart {
		remapped = p.config.Docker.Remap() == config.RemapOn
	}
	p.proveInDocker(names, final, remapped)
	p.saysActivated(final)
}

// unsafe holds what a reload is needed for, where one would take away or break
// what dockerd has.
func (p *planner) unsafe(at, registered, final daemonjson.Document, all Settings, restart bool) bool {
	if !differ(at, final) && all.Missing(*p.observed.Engine) == nil {
		return false
	}
	if restart && !differ(at, registered) && p.proven(p.names(), p.observed.Engine.UsernsRemap) {
		return false // a restart reads the flags again, and no reload comes before it
	}
	if p.forgetsHeld(at, final, all) || p.authorizationHeld(at, final, all) || !differ(at, registered) && p.failedHeld(all) {
		p.early = nil
		return true
	}
	return false
}

// tooMuch holds what a reload is needed for, where that is beyond what may be
// done, or where somebody else changes back what dockerd runs with.
func (p *planner) tooMuch(at, final daemonjson.Document, all Settings) bool {
	missing := all.Missing(*p.observed.Engine)
	if !differ(at, final) && (missing == nil || p.leaves(config.ItemDockerd)) {
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
	if differ(at, final) {
		p.prove(p.names(), false)
	}
	p.link()
	if differ(at, final) {
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
	_, managed := p.config.Docker.Runtimes[name]
	var names []string
	if managed && (p.observed.Engine.DefaultRuntime != name || config.DefaultRuntimeIn(p.observed.File.Doc) != name) {
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
	want := Settings{Runtimes: p.managed(final)}
	if name, ok := final.DefaultRuntime(); ok && name == p.config.Docker.DefaultRuntime {
		want.Default = name
	}
	if restart {
		want.Remap, want.Root = p.config.Docker.Remap(), host.DataRootOf(*p.observed.Engine)
		if p.ids != nil {
			want.Root = remappedRoot(want.Root, *p.ids)
		}
	}
	return want
}

// managed gives our runtimes as doc has them: arguments that the configuration
// leaves alone are those of the file.
func (g Goal) managed(doc daemonjson.Document) map[string]daemonjson.Runtime {
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
		p.add(Prove{Release: p.current.Name, Runtime: name, Args: args, CgroupDriver: p.cgroupDriver()})
	}
}

// proveInDocker asks for a container under each runtime.
func (p *planner) proveInDocker(names []string, doc daemonjson.Document, remapped bool) {
	for _, name := range names {
		if !p.proven([]string{name}, remapped) {
			step := ProveInDocker{Release: p.current.Name, Runtime: name, Args: doc.Runtimes()[name].Args, Writes: p.writesPromised(name)}
			if remapped && p.ids != nil {
				step.UIDMap = uidMap(p.ids.UIDs)
			}
			p.add(step)
		}
	}
}

// proven reports whether a proof of every one is remembered.
func (g Goal) proven(names []string, remapped bool) bool {
	if g.observed.Engine == nil || g.current.ManifestDigest == "" {
		return len(names) == 0
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		return !g.observed.Proofs[g.proofKeyOf(g.args(name), remapped)]
	})
}

// cgroupDriver is how dockerd makes the cgroups of containers, or "" while it
// does not run.
func (g Goal) cgroupDriver() string {
	if g.observed.Engine == nil {
		return ""
	}
	return g.observed.Engine.CgroupDriver
}

func (p *planner) write(old, text daemonjson.Document, what string) {
	p.add(WriteDaemonJSON{File: p.observed.File, Old: old.Bytes(), New: text.Bytes(), What: what, Items: p.items(old, text)})
}

func (p *planner) reload(text daemonjson.Document, confirm Settings, alone bool) {
	confirm.Keeps = keeps(p.config, p.observed, text)
	p.add(Reload{Unit: p.observed.Unit.Name, Alone: alone}, Confirm{confirm})
}

func (p *planner) restart(confirm Settings) {
	p.add(Restart{Unit: p.observed.Unit.Name, Stops: p.observed.Running}, Confirm{confirm})
}
