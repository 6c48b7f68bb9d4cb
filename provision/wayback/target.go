package wayback

import (
	"maps"
	"slices"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/activation"
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
	want := steps.Settings{Runtimes: map[string]daemonjson.Runtime{}, Default: activation.DefaultAfter(doc, flags), Remap: config.RemapOf(flags.UsernsRemap != "" || config.UsernsRemapIn(doc) != "")}
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
	return want, activation.Defines(doc, flags, want.Default)
}

// Planned returns the settings of a dockerd with these flags that has taken doc, a text of the plan of j over old.
func Planned(j state.Journal, doc, old daemonjson.Document, flags commandline.Flags) steps.Settings {
	want := steps.Settings{Runtimes: map[string]daemonjson.Runtime{}, Default: config.DefaultRuntimeIn(doc)}
	for _, name := range j.Runtimes {
		_, had := old.Runtimes()[name]
		_, flag := flags.AddRuntimes[name]
		if r, has := doc.Runtimes()[name]; has {
			want.Runtimes[name] = r
		} else if had && !flag {
			want.Without = append(want.Without, name)
		}
	}
	if config.UsernsRemapIn(doc) != config.UsernsRemapIn(old) {
		want.Remap = config.RemapOf(config.UsernsRemapIn(doc) != "")
	}
	return want
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
