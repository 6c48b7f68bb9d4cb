package plan

import (
	"cmp"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/steps"
)

// planDocker adds the steps that change daemon.json and dockerd.
func (p *planner) planDocker() error {
	for _, name := range p.Config.RuntimeNames() {
		if reason := p.heldRuntime(name); reason != "" {
			p.hold(steps.Held{What: config.RuntimeItem(name), Why: reason})
		}
	}
	registered, err := p.withRuntimes()
	if err != nil {
		return err
	}
	final, remaps, err := p.finalText(registered)
	if err != nil {
		return err
	}
	p.dockerSteps(registered, final, remaps, p.chosenBuilds())
	return nil
}

// unproven is why a part that needs a proof is held while Docker is stopped. What only takes our settings away
// needs none: a Docker that does not start with them has a way back.
const unproven = "Docker is not running, so nothing can prove that its containers start; start Docker, then run apply again"

// finalText is registered with everything that may be written now, and whether dockerd must be restarted for
// it. A part that must wait is held and not written: the next unrelated restart would bring it into effect.
func (p *planner) finalText(registered daemonjson.Document) (doc daemonjson.Document, restart bool, err error) {
	chosen, held, err := p.withDefault(registered)
	if err != nil {
		return doc, false, err
	}
	if held.What != "" {
		p.hold(held)
	}
	if p.Observed.Engine == nil && Differ(registered, chosen) && p.isManaged(p.Config.Docker.DefaultRuntime) {
		p.hold(steps.Held{What: "default-runtime " + p.Config.Docker.DefaultRuntime, Why: unproven})
		chosen = registered
	}
	return p.finalRemap(chosen)
}

// dockerSteps turns the three texts (observed, registered, final) and dockerd's settings into steps. Without
// an earlier proof, it registers the runtimes and proves them through Docker before anything relies on them. remaps
// says that userns-remap is switched.
func (p *planner) dockerSteps(registered, final daemonjson.Document, remaps bool, builds buildkit.Change) {
	at := p.Observed.File.Doc
	if p.Observed.Engine == nil {
		p.stoppedSteps(at, registered, final)
		return
	}
	restart := remaps || builds.Restarts
	all := p.wantedSettings(final, remaps)
	if p.holdForbidden(at, final, all) || p.holdUnsafe(at, registered, final, all, restart) {
		p.planLink()
		return
	}
	remapped := p.Observed.Engine.UsernsRemap
	names := p.runtimesToProve(Differ(at, registered), all, restart)
	p.addProofs(names, remapped)
	p.add(p.beforeDocker...)
	p.planLink()
	var first []string
	if restart {
		first = p.notTaken(at)
	}
	staged := (Differ(registered, final) || restart) && !p.allProven(names, remapped)
	if staged || len(first) > 0 {
		if runtimes := (steps.Settings{Runtimes: p.RuntimesIn(registered)}); Differ(at, registered) {
			p.addWrite(at, registered, p.describeRuntimes(registered))
			at = registered
			p.addReload(at, runtimes, false, first...)
		} else if len(first) > 0 || runtimes.Missing(*p.Observed.Engine) != nil {
			p.addReload(at, runtimes, true, first...)
		}
		p.addDockerProofs(names, registered, remapped)
		if !restart {
			names = nil
		}
	}
	p.addLoad(at, final, all, remaps, builds)
	if remaps {
		remapped = p.Config.Docker.Remap() == config.RemapOn
	}
	p.addDockerProofs(names, final, remapped)
	p.addBuildChecks(builds, remapped)
	p.warnOfActivated(final)
}

// addLoad writes final over at, and has dockerd run with it and with builds.
func (p *planner) addLoad(at, final daemonjson.Document, all steps.Settings, remaps bool, builds buildkit.Change) {
	restart := remaps || builds.Restarts
	loaded := final
	if !restart && all.Missing(*p.Observed.Engine) != nil {
		loaded = p.loadable(final, all)
	}
	if Differ(at, loaded) {
		p.addWrite(at, loaded, cmp.Or(p.describeWrite(at, loaded), tidied))
	}
	p.addBuildWrites(builds)
	switch {
	case restart:
		p.add(p.restartStep(remaps), steps.Confirm{Settings: all})
	case Differ(at, loaded):
		p.addReload(loaded, all, false)
	case all.Missing(*p.Observed.Engine) != nil:
		p.addReload(loaded, all, true)
	}
	if Differ(loaded, final) {
		p.addWrite(loaded, final, tidied)
	}
}

// tidied describes a text without what dockerd no longer needs to be told.
const tidied = "take out what only the reload needed"

// loadable is final with everything that a reload needs to bring dockerd to all. It differs if something is taken away,
// which dockerd would keep.
func (p *planner) loadable(final daemonjson.Document, all steps.Settings) daemonjson.Document {
	if len(all.Without) == 0 && p.Config.Docker.DefaultRuntime != config.Off {
		return final
	}
	if all.Default == "" {
		all.Default = p.Observed.Engine.DefaultRuntime // dockerd 20.10 crashes on empty runtimes without one
	}
	text, err := activation.ReloadText(final.Bytes(), all, p.Observed.Flags)
	if err != nil {
		p.hold(steps.Held{What: p.Observed.File.Path, Why: err.Error() + ": stop Docker (systemctl stop docker.socket docker.service), run this again, then start Docker"})
		return final
	}
	return text
}

// restartStep restarts dockerd. live-restore keeps the containers, unless userns-remap is switched: then they are in
// another data root.
func (p *planner) restartStep(remaps bool) steps.Restart {
	s := steps.Restart{Unit: p.Observed.Unit.Name, Stops: p.Observed.RunningContainers}
	if !remaps && p.Observed.Engine.LiveRestore && len(s.Stops) > 0 {
		s.Stops, s.Keeps = nil, true
	}
	return s
}

// stoppedSteps are the steps that need no dockerd. The new text takes effect when dockerd starts.
func (p *planner) stoppedSteps(at, registered, final daemonjson.Document) {
	if Differ(at, registered) {
		p.addProofs(p.uncontestedNames(), false)
	}
	p.planLink()
	if Differ(at, final) {
		p.addWrite(at, final, p.describeWrite(at, final))
	}
}

// holdStopped says what a run that a person started cannot do because Docker does not run. The daemon waits for
// Docker, and says so itself.
func (p *planner) holdStopped() {
	if p.Observed.Engine != nil || p.options.Unattended != nil {
		return
	}
	unit := p.Observed.Unit
	state := "Docker is not running (" + unit.ActiveState + ")"
	if unit.ActiveState == "failed" {
		state = "Docker has failed (" + cmp.Or(unit.Result, unit.ActiveState) + "; journalctl -u " + unit.Name + " shows why)"
	}
	p.hold(steps.Held{What: unit.Name, Why: state + ", so nothing can be confirmed; the settings in daemon.json take effect when Docker starts: start it, then run apply again"})
}

// wantedSettings are the settings that dockerd shall run with in the end, without those that are held.
func (p *planner) wantedSettings(final daemonjson.Document, restart bool) steps.Settings {
	want := steps.Settings{Runtimes: p.RuntimesIn(final)}
	if name, ok := final.DefaultRuntime(); ok && name == p.Config.Docker.DefaultRuntime || p.Config.Docker.DefaultRuntime == config.Off {
		want.Default = p.DefaultIn(final)
	}
	if restart {
		want.Remap, want.Root = p.Config.Docker.Remap(), dataroot.Of(*p.Observed.Engine)
		if p.ids != nil {
			want.Root = RemappedRoot(want.Root, *p.ids)
		}
	}
	return want
}

// runtimesToProve are the runtimes that need a proof before the plan relies on them. These are all of them if
// they change or Docker restarts. Otherwise they are the default runtime, if dockerd gets a new one, those
// that a reload changes, and those that dockerd loaded without a proof.
func (p *planner) runtimesToProve(registers bool, want steps.Settings, restart bool) []string {
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
		p.warn("no proof: with --no-proof, nothing shows that containers start in a sandbox")
		return nil
	}
	if registers || restart {
		return p.uncontestedNames()
	}
	return names
}

// addProofs adds a proof outside Docker for each list of arguments that has no current proof.
func (p *planner) addProofs(names []string, remapped bool) {
	if p.options.NoProof {
		return
	}
	var cgroupDriver string
	if p.Observed.Engine != nil {
		cgroupDriver = p.Observed.Engine.CgroupDriver
	}
	var added [][]string
	for _, name := range names {
		args := p.argsOf(name)
		if p.allProven([]string{name}, remapped) || slices.ContainsFunc(added, func(a []string) bool { return slices.Equal(a, args) }) {
			continue
		}
		added = append(added, args)
		p.add(steps.Prove{Release: p.Current.Name, Runtime: name, Args: args, CgroupDriver: cgroupDriver})
	}
}

// addDockerProofs adds a proof through Docker for each runtime that has no current proof.
func (p *planner) addDockerProofs(names []string, doc daemonjson.Document, remapped bool) {
	for _, name := range names {
		if p.allProven([]string{name}, remapped) {
			continue
		}
		step := steps.ProveInDocker{Release: p.Current.Name, Runtime: name, Args: doc.Runtimes()[name].Args, Writes: p.WritesPromised(name)}
		if remapped && p.ids != nil {
			step.UIDMap = UIDMap(p.ids.UIDs)
		}
		p.add(step)
	}
}

func (p *planner) addWrite(old, text daemonjson.Document, what string) {
	p.add(steps.WriteDaemonJSON{File: p.Observed.File, Old: old.Bytes(), New: text.Bytes(), What: what, Items: p.changedItems(old, text)})
}

// addReload adds a reload of text. A restart follows if mustTake is not empty.
func (p *planner) addReload(text daemonjson.Document, confirm steps.Settings, fileUnchanged bool, mustTake ...string) {
	confirm.Keeps = activation.ForeignRuntimes(p.Config, p.Observed, text)
	p.add(steps.Reload{Unit: p.Observed.Unit.Name, FileUnchanged: fileUnchanged, MustTake: mustTake}, steps.Confirm{Settings: confirm})
}
