package provision

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/release"
)

// docker brings daemon.json, and dockerd with it, to what is wanted: first the
// runtimes, and only when dockerd has them the default.
func (b *builder) docker() error {
	registered, err := b.register()
	if err != nil {
		return err
	}
	chosen, err := b.choose(registered)
	if err != nil {
		return err
	}
	b.dockerSteps(registered, chosen)
	return nil
}

// register is daemon.json with the managed runtimes as wanted.
func (b *builder) register() (daemonjson.Document, error) {
	runtimes := map[string]*daemonjson.Runtime{}
	for _, name := range b.config.RuntimeNames() {
		runtimes[name] = &daemonjson.Runtime{Path: b.current.Runsc, Args: b.config.Docker.Runtimes[name].Args}
	}
	return b.edit(b.observed.File.Doc, daemonjson.Want{Runtimes: runtimes})
}

// choose is doc with the default runtime as wanted.
func (b *builder) choose(doc daemonjson.Document) (daemonjson.Document, error) {
	if b.config.Docker.DefaultRuntime == "" {
		return doc, nil
	}
	return b.edit(doc, daemonjson.Want{DefaultRuntime: &b.config.Docker.DefaultRuntime})
}

func (b *builder) edit(doc daemonjson.Document, want daemonjson.Want) (daemonjson.Document, error) {
	edited, err := daemonjson.Edit(doc, want)
	if err != nil {
		return daemonjson.Document{}, &Refusal{Object: b.observed.File.Path, Err: err}
	}
	return edited, nil
}

// dockerSteps turns the three texts (as observed, registered, chosen) and what
// dockerd runs with into steps.
func (b *builder) dockerSteps(registered, chosen daemonjson.Document) {
	before := b.observed.File.Doc.Bytes()
	writesRuntimes := !bytes.Equal(before, registered.Bytes())
	writesDefault := !bytes.Equal(registered.Bytes(), chosen.Bytes())
	runtimes := b.managed(registered)
	stopped := b.observed.Engine == nil
	if stopped && writesDefault {
		b.hold("default-runtime "+b.config.Docker.DefaultRuntime,
			"Docker is not running, so that nothing proves that its containers start; run apply again once it does")
		writesDefault = false
	}
	b.prove(writesRuntimes, writesDefault)
	b.link()
	if writesRuntimes {
		b.write(before, registered.Bytes(), b.registers(registered))
		if stopped {
			b.warn("the runtimes take effect when Docker starts")
		}
	}
	if stopped {
		return
	}
	confirm := Confirm{Runtimes: runtimes, Default: b.config.Docker.DefaultRuntime}
	if writesRuntimes && writesDefault {
		b.reload(Confirm{Runtimes: runtimes})
	}
	if writesDefault {
		b.write(registered.Bytes(), chosen.Bytes(), b.chooses())
	}
	if writesRuntimes || writesDefault || confirm.missing(*b.observed.Engine) != nil {
		b.reload(confirm)
	}
}

// managed gives our runtimes as doc has them: arguments that the configuration
// leaves alone are those of the file.
func (b *builder) managed(doc daemonjson.Document) map[string]daemonjson.Runtime {
	runtimes := map[string]daemonjson.Runtime{}
	for _, name := range b.config.RuntimeNames() {
		runtimes[name] = doc.Runtimes()[name]
	}
	return runtimes
}

// prove asks for a sandbox of each runtime that the plan makes dockerd use.
func (b *builder) prove(writesRuntimes, writesDefault bool) {
	var proven [][]string
	for _, name := range b.config.RuntimeNames() {
		if !writesRuntimes && !(writesDefault && name == b.config.Docker.DefaultRuntime) {
			continue
		}
		args := b.args(name)
		if slices.ContainsFunc(proven, func(p []string) bool { return slices.Equal(p, args) }) {
			continue
		}
		proven = append(proven, args)
		b.add(Prove{Release: b.current.Name, Runtime: name, Args: args, CgroupDriver: b.cgroupDriver()})
	}
}

// cgroupDriver is how dockerd makes the cgroups of containers, or "" while it
// does not run.
func (b *builder) cgroupDriver() string {
	if b.observed.Engine == nil {
		return ""
	}
	return b.observed.Engine.CgroupDriver
}

// args are those that the runtime will have.
func (b *builder) args(name string) []string {
	if args := b.config.Docker.Runtimes[name].Args; args != nil {
		return args
	}
	return b.observed.File.Doc.Runtimes()[name].Args
}

func (b *builder) write(old, text []byte, what string) {
	b.add(WriteDaemonJSON{File: b.observed.File, Old: old, New: text, What: what})
}

func (b *builder) reload(confirm Confirm) {
	b.add(Reload{Unit: b.observed.Unit.Name}, confirm)
}

// registers says in words what becomes of the runtimes.
func (b *builder) registers(after daemonjson.Document) string {
	var parts []string
	before := b.observed.File.Doc.Runtimes()
	for _, name := range b.config.RuntimeNames() {
		old, existed := before[name]
		now := after.Runtimes()[name]
		switch {
		case !existed:
			parts = append(parts, "register "+name)
		case old.Path != now.Path && b.config.Docker.Runtimes[name].Args == nil && len(old.Args) > 0:
			parts = append(parts, fmt.Sprintf("%s runs %s instead of %s, its arguments are kept", name, now.Path, was(old)))
		case old.Path != now.Path:
			parts = append(parts, fmt.Sprintf("%s runs %s instead of %s", name, now.Path, was(old)))
		case !slices.Equal(old.Args, now.Args):
			parts = append(parts, "new arguments for "+name)
		}
	}
	return strings.Join(parts, "; ")
}

func was(r daemonjson.Runtime) string {
	if r.Path == "" && r.Type != "" {
		return "runtimeType " + r.Type
	}
	return r.Path
}

func (b *builder) chooses() string {
	what := "default runtime " + b.config.Docker.DefaultRuntime
	if old, ok := b.observed.File.Doc.DefaultRuntime(); ok {
		what += " instead of " + old
	}
	return what
}

// prune removes old releases: those that nothing runs from and no runtime of
// daemon.json names, but for the newest few.
func (b *builder) prune() {
	if b.plan.Provisional {
		return
	}
	var old []release.Installed
	for _, r := range b.observed.Releases {
		if r.Name != b.current.Name && !b.observed.InUse[r.Name] && !b.registeredElsewhere(r) {
			old = append(old, r)
		}
	}
	slices.SortFunc(old, release.Newest)
	for _, r := range old[min(b.config.Release.Keep, len(old)):] {
		b.add(RemoveRelease{Name: r.Name, Dir: r.Dir})
	}
}

// registeredElsewhere reports whether a runtime that is not managed by us, or
// dockerd as it runs now, names r.
func (b *builder) registeredElsewhere(r release.Installed) bool {
	for name, runtime := range b.observed.File.Doc.Runtimes() {
		if _, managed := b.config.Docker.Runtimes[name]; !managed && within(r.Dir, runtime.Path) {
			return true
		}
	}
	return false
}

func within(dir, path string) bool { return strings.HasPrefix(path, dir+"/") }
