package plan

import (
	"bytes"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// planDocker brings daemon.json, and dockerd with it, to what is wanted.
func (p *planner) planDocker() error {
	for _, name := range p.Config.RuntimeNames() {
		p.holdContested(config.RuntimeItem(name))
	}
	registered, err := p.withRuntimes()
	if err != nil {
		return err
	}
	final, restart, err := p.finalText(registered)
	if err != nil {
		return err
	}
	p.dockerSteps(registered, final, restart)
	return nil
}

// withRuntimes is daemon.json with the managed runtimes as wanted.
func (g Goal) withRuntimes() (daemonjson.Document, error) {
	runtimes := map[string]*daemonjson.Runtime{}
	for _, name := range g.uncontestedNames() {
		args := g.argsOf(name)
		if slices.Equal(args, g.Observed.File.Doc.Runtimes()[name].Args) {
			args = nil // they stay as they are written
		}
		runtimes[name] = &daemonjson.Runtime{Path: g.Current.Runsc, Args: args}
	}
	return g.edit(g.Observed.File.Doc, daemonjson.Want{Runtimes: runtimes})
}

// withDefault is doc with the default runtime of the configuration, and what is held
// instead; Held.What is empty where nothing is.
func (g Goal) withDefault(doc daemonjson.Document) (chosen daemonjson.Document, held Held, err error) {
	name := g.Config.Docker.DefaultRuntime
	if name == "" {
		return doc, Held{}, nil
	}
	if why := g.options.contestedReason(config.ItemDefaultRuntime); why != "" && config.DefaultRuntimeIn(doc) != name {
		return doc, Held{What: config.ItemDefaultRuntime, Why: why}, nil
	}
	if _, managed := g.Config.Docker.Runtimes[name]; managed && !slices.Contains(g.uncontestedNames(), name) {
		if _, defined := doc.Runtimes()[name]; !defined {
			return doc, Held{What: config.ItemDefaultRuntime + " " + name, Why: "its runtime is contested and not defined: dockerd would not start"}, nil
		}
	}
	chosen, err = g.edit(doc, daemonjson.Want{DefaultRuntime: &g.Config.Docker.DefaultRuntime})
	return chosen, Held{}, err
}

// unproven is why what depends on a proof is held while Docker is stopped.
const unproven = "Docker is not running, so that nothing proves that its containers start; run apply again once it does"

// finalText is registered with all that may be written now, and whether dockerd is
// to be restarted for it. What has to wait is held, and its key not written: it
// would be a trap that the next unrelated restart springs.
func (p *planner) finalText(registered daemonjson.Document) (doc daemonjson.Document, restart bool, err error) {
	stopped := p.Observed.Engine == nil
	chosen, held, err := p.withDefault(registered)
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
	return p.finalRemap(chosen)
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
	all := p.wantedSettings(final, restart)
	if p.holdForbidden(at, final, all) || p.holdUnsafe(at, registered, final, all, restart) {
		p.planLink()
		return
	}
	remapped := p.Observed.Engine.UsernsRemap
	names := p.runtimesToProve(Differ(at, registered), all, restart)
	p.addProofs(names, remapped)
	p.add(p.beforeDocker...)
	p.planLink()
	if staged := (Differ(registered, final) || restart) && !p.allProven(names, remapped); staged {
		if runtimes := (Settings{Runtimes: p.RuntimesIn(registered)}); Differ(at, registered) {
			p.addWrite(at, registered, p.describeRuntimes(registered))
			at = registered
			p.addReload(at, runtimes, false)
		} else if runtimes.Missing(*p.Observed.Engine) != nil {
			p.addReload(at, runtimes, true)
		}
		p.addDockerProofs(names, registered, remapped)
		if !restart {
			names = nil
		}
	}
	if Differ(at, final) {
		p.addWrite(at, final, p.describeWrite(at, final))
	}
	switch {
	case restart:
		p.addRestart(all)
	case Differ(at, final):
		p.addReload(final, all, false)
	case all.Missing(*p.Observed.Engine) != nil:
		p.addReload(final, all, true)
	}
	if restart {
		remapped = p.Config.Docker.Remap() == config.RemapOn
	}
	p.addDockerProofs(names, final, remapped)
	p.warnOfActivated(final)
}

// holdUnsafe holds what a reload is needed for, where one would take away or break
// what dockerd has.
func (p *planner) holdUnsafe(at, registered, final daemonjson.Document, all Settings, restart bool) bool {
	if !Differ(at, final) && all.Missing(*p.Observed.Engine) == nil {
		return false
	}
	if restart && !Differ(at, registered) && p.allProven(p.uncontestedNames(), p.Observed.Engine.UsernsRemap) {
		return false // a restart reads the flags again, and no reload comes before it
	}
	if p.holdForgetting(at, final, all) || p.holdAuthorization(at, final, all) || !Differ(at, registered) && p.holdFailed(all) {
		p.beforeDocker = nil
		return true
	}
	return false
}

// holdForbidden holds what a reload is needed for, where that is beyond what may be
// done, or where somebody else changes back what dockerd runs with.
func (p *planner) holdForbidden(at, final daemonjson.Document, all Settings) bool {
	missing := all.Missing(*p.Observed.Engine)
	if !Differ(at, final) && (missing == nil || p.holdContested(config.ItemDockerd)) {
		return missing != nil
	}
	why := p.options.objection(config.DisruptionReload)
	if why == "" {
		return false
	}
	what := p.describeWrite(at, final)
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
		p.addProofs(p.uncontestedNames(), false)
	}
	p.planLink()
	if Differ(at, final) {
		p.addWrite(at, final, p.describeWrite(at, final))
		p.warn("the runtimes take effect when Docker starts")
	}
}

// runtimesToProve are the runtimes of which a proof is wanted before the plan relies on
// them: all of them where they change or Docker is restarted, else the default
// if that changes in dockerd, and those that a reload changes in dockerd or that
// it has loaded without a proof.
func (p *planner) runtimesToProve(registers bool, want Settings, restart bool) []string {
	name := want.Default
	_, managed := p.Config.Docker.Runtimes[name]
	var names []string
	if managed && (p.Observed.Engine.DefaultRuntime != name || config.DefaultRuntimeIn(p.Observed.File.Doc) != name) {
		names = append(names, name)
	}
	names = p.addUnproven(names, want)
	if !registers && !restart && len(names) == 0 {
		return nil
	}
	if p.options.NoProof {
		p.warn("no proof: --no-proof was given, and nothing shows that containers start in a sandbox")
		return nil
	}
	if registers || restart {
		return p.uncontestedNames()
	}
	return names
}

// wantedSettings is what dockerd has to run with in the end. What is held is not
// looked for.
func (p *planner) wantedSettings(final daemonjson.Document, restart bool) Settings {
	want := Settings{Runtimes: p.RuntimesIn(final)}
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

// RuntimesIn gives our runtimes as doc has them: arguments that the configuration
// leaves alone are those of the file.
func (g Goal) RuntimesIn(doc daemonjson.Document) map[string]daemonjson.Runtime {
	runtimes := map[string]daemonjson.Runtime{}
	for _, name := range g.uncontestedNames() {
		runtimes[name] = doc.Runtimes()[name]
	}
	return runtimes
}

// addProofs asks for a sandbox of each runtime, but for those of which a proof is
// remembered.
func (p *planner) addProofs(names []string, remapped bool) {
	if p.options.NoProof {
		return
	}
	var asked [][]string
	for _, name := range names {
		args := p.argsOf(name)
		if p.allProven([]string{name}, remapped) || slices.ContainsFunc(asked, func(p []string) bool { return slices.Equal(p, args) }) {
			continue
		}
		asked = append(asked, args)
		p.add(Prove{Release: p.Current.Name, Runtime: name, Args: args, CgroupDriver: p.cgroupDriver()})
	}
}

// addDockerProofs asks for a container under each runtime.
func (p *planner) addDockerProofs(names []string, doc daemonjson.Document, remapped bool) {
	for _, name := range names {
		if !p.allProven([]string{name}, remapped) {
			step := ProveInDocker{Release: p.Current.Name, Runtime: name, Args: doc.Runtimes()[name].Args, Writes: p.WritesPromised(name)}
			if remapped && p.ids != nil {
				step.UIDMap = UIDMap(p.ids.UIDs)
			}
			p.add(step)
		}
	}
}

// allProven reports whether a proof of every one is remembered.
func (g Goal) allProven(names []string, remapped bool) bool {
	if g.Observed.Engine == nil || g.Current.ManifestDigest == "" {
		return len(names) == 0
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		return !g.Observed.Proofs[g.proofKeyOf(g.argsOf(name), remapped)]
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

func (p *planner) addWrite(old, text daemonjson.Document, what string) {
	p.add(WriteDaemonJSON{File: p.Observed.File, Old: old.Bytes(), New: text.Bytes(), What: what, Items: p.changedItems(old, text)})
}

func (p *planner) addReload(text daemonjson.Document, confirm Settings, alone bool) {
	confirm.Keeps = foreignRuntimes(p.Config, p.Observed, text)
	p.add(Reload{Unit: p.Observed.Unit.Name, FileUnchanged: alone}, Confirm{confirm})
}

func (p *planner) addRestart(confirm Settings) {
	p.add(Restart{Unit: p.Observed.Unit.Name, Stops: p.Observed.Running}, Confirm{confirm})
}
