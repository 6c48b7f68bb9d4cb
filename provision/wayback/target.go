package wayback

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
)

// startedSince reports whether Docker was started after j was begun. It is true if the
// journal does not name the earlier start: the file gives the right settings after any
// start.
func startedSince(j state.Journal, unit host.Unit) bool {
	return j.Engine == nil || j.Invocation == "" || unit.InvocationID != j.Invocation
}

// ranWith returns the settings that dockerd ran with when j was begun.
func ranWith(j state.Journal) steps.Settings {
	want := steps.Settings{Runtimes: map[string]daemonjson.Runtime{}, Default: j.Engine.Default, Remap: j.Engine.Remap, Root: j.Engine.Root}
	maps.Copy(want.Runtimes, j.Engine.Runtimes)
	for _, name := range j.Runtimes {
		if _, knew := j.Engine.Runtimes[name]; !knew {
			want.Without = append(want.Without, name)
		}
	}
	maps.Copy(want.Runtimes, j.Engine.Others)
	return want
}

// startsWith returns the settings of a dockerd with these flags after a start from text,
// for the keys that j covers. It reports false if dockerd would not start from text.
func startsWith(j state.Journal, text []byte, flags commandline.Flags) (steps.Settings, bool) {
	doc, err := daemonjson.Parse(text)
	if err != nil {
		return steps.Settings{}, false
	}
	want := steps.Settings{Runtimes: map[string]daemonjson.Runtime{}, Default: flags.DefaultRuntime, Remap: config.RemapOf(flags.UsernsRemap != "" || config.UsernsRemapIn(doc) != "")}
	if name, has := doc.DefaultRuntime(); has {
		want.Default = name
	}
	if want.Default == "" {
		want.Default = config.RuncRuntime
	}
	for _, name := range j.Runtimes {
		_, flag := flags.AddRuntimes[name]
		if r, has := doc.Runtimes()[name]; has {
			want.Runtimes[name] = r
		} else if !flag {
			want.Without = append(want.Without, name)
		}
	}
	// The same userns-remap gives the same data root. If another program has changed it,
	// the root is the one from before.
	if j.Restarting && j.Engine != nil && j.Engine.Remap == config.RemapOn && want.Remap == config.RemapOn {
		want.Root = j.Engine.Root
	}
	return want, defines(doc, flags, want.Default)
}

// defines reports whether dockerd with doc and flags knows the named runtime.
func defines(doc daemonjson.Document, flags commandline.Flags, name string) bool {
	_, defined := doc.Runtimes()[name]
	_, flag := flags.AddRuntimes[name]
	return defined || flag || name == config.RuncRuntime || strings.ContainsAny(name, "./")
}

// ReloadText returns old with all keys that make dockerd run with the settings `to` after a
// reload. It fails if old is not valid or no reload does that.
//
// It names them because dockerd keeps its default runtime if the key is missing, and its
// runtimes if the object is missing (moby daemon/reload_unix.go). It omits a default
// runtime that nothing defines or that is also a flag: dockerd would refuse the text.
func ReloadText(old []byte, to steps.Settings, flags commandline.Flags) (daemonjson.Document, error) {
	doc, err := daemonjson.Parse(old)
	if err != nil {
		return doc, err
	}
	set := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{}}
	for name, r := range to.Runtimes {
		current, found := doc.Runtimes()[name]
		if same := found && current.Path == r.Path && slices.Equal(current.Args, r.Args); !same && r.Path != "" {
			set.Runtimes[name] = &daemonjson.Runtime{Path: r.Path, Args: append([]string{}, r.Args...)}
		}
	}
	wants := []daemonjson.Want{{DefaultRuntime: &to.Default}, set}
	_, flag := flags.Set[config.ItemDefaultRuntime]
	if flag {
		wants = wants[1:]
	}
	remove := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{}}
	for _, name := range to.Without {
		remove.Runtimes[name] = nil
	}
	if !doc.Has("runtimes") && len(set.Runtimes) == 0 {
		// To set a runtime and remove it leaves the empty object.
		placeholder := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{}}
		for _, name := range to.Without {
			placeholder.Runtimes[name] = &daemonjson.Runtime{Path: "/"}
		}
		wants = append(wants, placeholder)
	}
	for _, want := range append(wants, remove) {
		if doc, err = daemonjson.Edit(doc, want); err != nil {
			return doc, err
		}
	}
	if flag && doc.Has("runtimes") && len(doc.Runtimes()) == 0 {
		// dockerd 20.10 crashes on an empty object without a default runtime beside it.
		return doc, errors.New("dockerd keeps the runtimes until its next start: its default runtime is a flag")
	}
	if name, set := doc.DefaultRuntime(); set && !defines(doc, flags, name) {
		none := ""
		return daemonjson.Edit(doc, daemonjson.Want{DefaultRuntime: &none})
	}
	return doc, nil
}

// CompareEngine says what brings the dockerd of unit, which runs with info, to the target.
// old is daemon.json from before the change.
func CompareEngine(j state.Journal, unit host.Unit, old []byte, flags commandline.Flags, info engine.Info) Engine {
	want, known := Target(j, unit, old, flags)
	switch {
	case !known:
		return EngineUnknown
	case want.Missing(info) == nil:
		return EngineRestored
	case want.Remap != config.RemapOf(info.UsernsRemap), want.Root != "" && want.Root != info.RootDir:
		return EngineNeedsRestart
	default:
		return EngineNeedsReload
	}
}

// Target returns the settings that the way back leads to. They are the settings from
// before the change or, if Docker was started since, those that the old daemon.json gives:
// no file restores what was only in dockerd's memory. It reports false if dockerd would
// not start from the old text.
func Target(j state.Journal, unit host.Unit, old []byte, flags commandline.Flags) (steps.Settings, bool) {
	if !startedSince(j, unit) {
		return ranWith(j), true
	}
	return startsWith(j, old, flags)
}

// IdentifyText says who wrote text.
func IdentifyText(j state.Journal, text []byte) Text {
	digest := durable.Digest(text)
	switch {
	case digest == j.File.OldDigest:
		return TextOld
	case slices.Contains(j.File.NewDigests, digest):
		return TextPlanned
	case slices.Contains(j.File.RevertDigests, digest):
		return textWayBack
	case slices.Contains(j.File.MergedDigests, digest):
		return TextMerged
	default:
		return TextForeign
	}
}
