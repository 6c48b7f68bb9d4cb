package plan

import (
	"bytes"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/activation"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/earlier"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/provision/steps"
)

// DaemonJSON is daemon.json with everything that the configuration asks for, also the parts that must wait.
// The error is a *blocked.Refused.
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

// withRuntimes is daemon.json with our runtimes registered.
func (g Goal) withRuntimes() (daemonjson.Document, error) {
	runtimes := map[string]*daemonjson.Runtime{}
	for _, name := range g.uncontestedNames() {
		args := g.argsOf(name)
		if slices.Equal(args, g.Observed.File.Doc.Runtimes()[name].Args) {
			args = nil // they keep their spelling
		}
		runtimes[name] = &daemonjson.Runtime{Path: g.Current.Runsc, Args: args}
	}
	return g.edit(g.Observed.File.Doc, daemonjson.Want{Runtimes: runtimes})
}

// withDefault is doc with the configured default runtime. If that must wait, it is doc itself and the reason;
// otherwise Held.What is empty.
func (g Goal) withDefault(doc daemonjson.Document) (chosen daemonjson.Document, held steps.Held, err error) {
	name := g.Config.Docker.DefaultRuntime
	if name == "" {
		return doc, steps.Held{}, nil
	}
	if name == config.Off {
		name = earlier.DefaultRuntime(g.Config, g.Observed, doc)
	}
	if reason := g.options.contestedReason(config.ItemDefaultRuntime); reason != "" && config.DefaultRuntimeIn(doc) != name {
		return doc, steps.Held{What: config.ItemDefaultRuntime, Why: reason}, nil
	}
	if runtimes.UnreadSettings(g.Config, g.Observed, name) != "" && config.DefaultRuntimeIn(doc) != name {
		return doc, steps.Held{What: config.ItemDefaultRuntime + " " + name, Why: "its runtime is held, and nothing has proven that its containers start"}, nil
	}
	if _, managed := g.Config.Docker.Runtimes[name]; managed && !slices.Contains(g.uncontestedNames(), name) {
		if _, defined := doc.Runtimes()[name]; !defined {
			return doc, steps.Held{What: config.ItemDefaultRuntime + " " + name, Why: "its runtime is contested and missing: dockerd would not start"}, nil
		}
	}
	chosen, err = g.edit(doc, daemonjson.Want{DefaultRuntime: &name})
	return chosen, steps.Held{}, err
}

// DefaultIn is the default runtime that dockerd shall have with doc; "" is any. dockerd keeps a default runtime that is
// taken out of doc, so one of ours that is switched off must become another.
func (g Goal) DefaultIn(doc daemonjson.Document) string {
	want := g.Config.Docker.DefaultRuntime
	if want != config.Off {
		return want
	}
	if e := g.Observed.Engine; e == nil || !g.isManaged(e.DefaultRuntime) && !g.isManaged(config.DefaultRuntimeIn(g.Observed.File.Doc)) {
		return ""
	}
	return activation.DefaultAfter(doc, g.Observed.Flags)
}

func (g Goal) isManaged(runtime string) bool {
	_, managed := g.Config.Docker.Runtimes[runtime]
	return managed
}

// withRemap is doc with userns-remap as configured.
func (g Goal) withRemap(doc daemonjson.Document) (daemonjson.Document, error) {
	if g.Config.Docker.Remap() == config.RemapAny {
		return doc, nil
	}
	value := g.Config.Docker.RemapValue()
	return g.edit(doc, daemonjson.Want{UsernsRemap: &value})
}

func (g Goal) edit(doc daemonjson.Document, want daemonjson.Want) (daemonjson.Document, error) {
	edited, err := daemonjson.Edit(doc, want)
	if err != nil {
		return daemonjson.Document{}, &blocked.Refused{Object: g.Observed.File.Path, Err: err}
	}
	return edited, nil
}

// RuntimesIn are our runtimes as doc has them.
func (g Goal) RuntimesIn(doc daemonjson.Document) map[string]daemonjson.Runtime {
	runtimes := map[string]daemonjson.Runtime{}
	for _, name := range g.uncontestedNames() {
		runtimes[name] = doc.Runtimes()[name]
	}
	return runtimes
}

// Differ reports whether a and b are different texts.
func Differ(a, b daemonjson.Document) bool { return !bytes.Equal(a.Bytes(), b.Bytes()) }

// CheckDefaultRuntime refuses a default runtime that nothing defines: dockerd --validate accepts it, and
// dockerd then does not start. The error is a *blocked.Refused.
func CheckDefaultRuntime(doc daemonjson.Document, o host.Observed) error {
	name, set := doc.DefaultRuntime()
	if !set {
		return nil
	}
	// dockerd itself defines runc, and others by the name of their shim (io.containerd.runsc.v1).
	if _, defined := doc.Runtimes()[name]; defined || activation.BuiltIn(name) || strings.Contains(name, "/") {
		return nil
	}
	if slices.ContainsFunc(o.Command, func(arg string) bool { return strings.Contains(arg, name+"=") }) {
		return nil // --add-runtime
	}
	return blocked.Refuse(o.File.Path, "default-runtime is %q, which is not a defined runtime: dockerd would not start", name)
}
