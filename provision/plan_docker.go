package provision

import (
	"bytes"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
)

// docker brings daemon.json, and dockerd with it, to what is wanted.
func (b *builder) docker() error {
	registered, err := b.register()
	if err != nil {
		return err
	}
	final, restart, err := b.final(registered)
	if err != nil {
		return err
	}
	b.dockerSteps(registered, final, restart)
	return nil
}

// register is daemon.json with the managed runtimes as wanted.
func (b *builder) register() (daemonjson.Document, error) {
	for _, name := range b.config.RuntimeNames() {
		b.contested(config.RuntimeItem(name))
	}
	runtimes := map[string]*daemonjson.Runtime{}
	for _, name := range b.names() {
		args := b.args(name)
		if slices.Equal(args, b.observed.File.Doc.Runtimes()[name].Args) {
			args = nil // they stay as they are written
		}
		runtimes[name] = &daemonjson.Runtime{Path: b.current.Runsc, Args: args}
	}
	return b.edit(b.observed.File.Doc, daemonjson.Want{Runtimes: runtimes})
}

// choose is doc with the default runtime as wanted.
func (b *builder) choose(doc daemonjson.Document) (daemonjson.Document, error) {
	name := b.config.Docker.DefaultRuntime
	if name == "" || config.DefaultRuntimeIn(doc) != name && b.contested(config.ItemDefaultRuntime) {
		return doc, nil
	}
	if _, managed := b.config.Docker.Runtimes[name]; managed && !slices.Contains(b.names(), name) {
		if _, defined := doc.Runtimes()[name]; !defined {
			b.hold(Held{What: config.ItemDefaultRuntime + " " + name, Why: "its runtime is contested and not defined: dockerd would not start"})
			return doc, nil
		}
	}
	return b.edit(doc, daemonjson.Want{DefaultRuntime: &b.config.Docker.DefaultRuntime})
}

// unproven is why what depends on a proof is held while Docker is stopped.
const unproven = "Docker is not running, so that nothing proves that its containers start; run apply again once it does"

// final is registered with all that may be written now, and whether dockerd is
// to be restarted for it. What has to wait is held, and its key not written: it
// would be a trap that the next unrelated restart springs.
func (b *builder) final(registered daemonjson.Document) (doc daemonjson.Document, restart bool, err error) {
	stopped := b.observed.Engine == nil
	chosen, err := b.choose(registered)
	if err != nil {
		return doc, false, err
	}
	if stopped && differ(registered, chosen) {
		b.hold(Held{What: "default-runtime " + b.config.Docker.DefaultRuntime,
			Why: unproven})
		chosen = registered
	}
	return b.remapped(chosen)
}

func differ(a, b daemonjson.Document) bool { return !bytes.Equal(a.Bytes(), b.Bytes()) }

func (b *builder) edit(doc daemonjson.Document, want daemonjson.Want) (daemonjson.Document, error) {
	edited, err := daemonjson.Edit(doc, want)
	if err != nil {
		return daemonjson.Document{}, &blocked.Refused{Object: b.observed.File.Path, Err: err}
	}
	return edited, nil
}

// dockerSteps turns the three texts (as observed, registered, final) and what
// dockerd runs with into steps. Without a proof that is remembered, the
// runtimes are registered and proven through Docker before anything depends on
// them.
func (b *builder) dockerSteps(registered, final daemonjson.Document, restart bool) {
	at := b.observed.File.Doc
	if b.observed.Engine == nil {
		b.stoppedSteps(at, final)
		return
	}
	all := b.wanted(final, restart)
	if b.tooMuch(at, final, all) || b.unsafe(at, registered, final, all, restart) {
		b.link()
		return
	}
	remapped := b.observed.Engine.UsernsRemap
	names := b.tried(differ(at, registered), all, restart)
	b.prove(names, remapped)
	b.add(b.early...)
	b.link()
	if staged := (differ(registered, final) || restart) && !b.proven(names, remapped); staged {
		if runtimes := (Confirm{Runtimes: b.managed(registered)}); differ(at, registered) {
			b.write(at, registered, b.registers(registered))
			at = registered
			b.reload(at, runtimes, false)
		} else if runtimes.missing(*b.observed.Engine) != nil {
			b.reload(at, runtimes, true)
		}
		b.proveInDocker(names, registered, remapped)
		if !restart {
			names = nil
		}
	}
	if differ(at, final) {
		b.write(at, final, b.says(at, final))
	}
	switch {
	case restart:
		b.restart(all)
	case differ(at, final):
		b.reload(final, all, false)
	case all.missing(*b.observed.Engine) != nil:
		b.reload(final, all, true)
	}
	if restart {
		remapped = b.config.Docker.Remap() == config.RemapOn
	}
	b.proveInDocker(names, final, remapped)
	b.saysActivated(final)
}

// unsafe holds what a reload is needed for, where one would take away or break
// what dockerd has.
func (b *builder) unsafe(at, registered, final daemonjson.Document, all Confirm, restart bool) bool {
	if !differ(at, final) && all.missing(*b.observed.Engine) == nil {
		return false
	}
	if restart && !differ(at, registered) && b.proven(b.names(), b.observed.Engine.UsernsRemap) {
		return false // a restart reads the flags again, and no reload comes before it
	}
	if b.forgetsHeld(at, final, all) || b.authorizationHeld(at, final, all) || !differ(at, registered) && b.failedHeld(all) {
		b.early = nil
		return true
	}
	return false
}

// tooMuch holds what a reload is needed for, where that is beyond what may be
// done, or where somebody else changes back what dockerd runs with.
func (b *builder) tooMuch(at, final daemonjson.Document, all Confirm) bool {
	missing := all.missing(*b.observed.Engine)
	if !differ(at, final) && (missing == nil || b.contested(config.ItemDockerd)) {
		return missing != nil
	}
	why := b.beyond(config.DisruptionReload)
	if why == "" {
		return false
	}
	what := b.says(at, final)
	if what == "" {
		what = "dockerd: " + missing.Error()
	}
	b.hold(Held{What: what, Why: why})
	return true
}

// stoppedSteps are those that need no dockerd: what is written takes effect
// when it starts.
func (b *builder) stoppedSteps(at, final daemonjson.Document) {
	if differ(at, final) {
		b.prove(b.names(), false)
	}
	b.link()
	if differ(at, final) {
		b.write(at, final, b.says(at, final))
		b.warn("the runtimes take effect when Docker starts")
	}
}

// tried are the runtimes of which a proof is wanted before the plan relies on
// them: all of them where they change or Docker is restarted, else the default
// if that changes in dockerd, and those that a reload changes in dockerd or that
// it has loaded without a proof.
func (b *builder) tried(registers bool, want Confirm, restart bool) []string {
	name := want.Default
	_, managed := b.config.Docker.Runtimes[name]
	var names []string
	if managed && (b.observed.Engine.DefaultRuntime != name || config.DefaultRuntimeIn(b.observed.File.Doc) != name) {
		names = append(names, name)
	}
	names = b.unseen(names, want)
	if !registers && !restart && len(names) == 0 {
		return nil
	}
	if b.options.NoProof {
		b.warn("no proof: --no-proof was given, and nothing shows that containers start in a sandbox")
		return nil
	}
	if registers || restart {
		return b.names()
	}
	return names
}

// wanted is what dockerd has to run with in the end. What is held is not
// looked for.
func (b *builder) wanted(final daemonjson.Document, restart bool) Confirm {
	want := Confirm{Runtimes: b.managed(final)}
	if name, ok := final.DefaultRuntime(); ok && name == b.config.Docker.DefaultRuntime {
		want.Default = name
	}
	if restart {
		want.Remap, want.Root = b.config.Docker.Remap(), dataRoot(*b.observed.Engine)
		if b.ids != nil {
			want.Root = remappedRoot(want.Root, *b.ids)
		}
	}
	return want
}

// managed gives our runtimes as doc has them: arguments that the configuration
// leaves alone are those of the file.
func (b *builder) managed(doc daemonjson.Document) map[string]daemonjson.Runtime {
	runtimes := map[string]daemonjson.Runtime{}
	for _, name := range b.names() {
		runtimes[name] = doc.Runtimes()[name]
	}
	return runtimes
}

// prove asks for a sandbox of each runtime, but for those of which a proof is
// remembered.
func (b *builder) prove(names []string, remapped bool) {
	if b.options.NoProof {
		return
	}
	var asked [][]string
	for _, name := range names {
		args := b.args(name)
		if b.proven([]string{name}, remapped) || slices.ContainsFunc(asked, func(p []string) bool { return slices.Equal(p, args) }) {
			continue
		}
		asked = append(asked, args)
		b.add(Prove{Release: b.current.Name, Runtime: name, Args: args, CgroupDriver: b.cgroupDriver()})
	}
}

// proveInDocker asks for a container under each runtime.
func (b *builder) proveInDocker(names []string, doc daemonjson.Document, remapped bool) {
	for _, name := range names {
		if !b.proven([]string{name}, remapped) {
			step := ProveInDocker{Release: b.current.Name, Runtime: name, Args: doc.Runtimes()[name].Args, Writes: b.writesPromised(name)}
			if remapped && b.ids != nil {
				step.UIDMap = uidMap(b.ids.UIDs)
			}
			b.add(step)
		}
	}
}

// proven reports whether a proof of every one is remembered.
func (b *builder) proven(names []string, remapped bool) bool {
	if b.observed.Engine == nil || b.current.ManifestDigest == "" {
		return len(names) == 0
	}
	return !slices.ContainsFunc(names, func(name string) bool {
		return !b.observed.Proofs[b.proofKeyOf(b.args(name), remapped)]
	})
}

// cgroupDriver is how dockerd makes the cgroups of containers, or "" while it
// does not run.
func (b *builder) cgroupDriver() string {
	if b.observed.Engine == nil {
		return ""
	}
	return b.observed.Engine.CgroupDriver
}

func (b *builder) write(old, text daemonjson.Document, what string) {
	b.add(WriteDaemonJSON{File: b.observed.File, Old: old.Bytes(), New: text.Bytes(), What: what, Items: b.items(old, text)})
}

func (b *builder) reload(text daemonjson.Document, confirm Confirm, alone bool) {
	confirm.Keeps = keeps(b.config, b.observed, text)
	b.add(Reload{Unit: b.observed.Unit.Name, Alone: alone}, confirm)
}

func (b *builder) restart(confirm Confirm) {
	b.add(Restart{Unit: b.observed.Unit.Name, Stops: b.observed.Running}, confirm)
}
