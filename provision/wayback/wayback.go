// Package wayback decides what is done about a change that did not end, from its journal
// and from what the host looks like now. It is pure. It starts no Docker that another
// program or a person has stopped, and restarts none without consent.
package wayback

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
)

// Way is what is done about a change that did not end.
type Way int

const (
	Leave       Way = iota // nothing: daemon.json is another program's, or all is done
	RestoreFile            // daemon.json and the link are put back, and dockerd needs nothing
	Finish                 // dockerd is made to run with the text that daemon.json has from us
	Reload                 // a reload has dockerd take back what it has taken
	Start                  // Docker, which is down because of us, is started from the old text
	Restart                // Docker is restarted from the old text
	SetAside               // whatever would be enough may not be done
)

func (w Way) String() string {
	return [...]string{"leave", "file", "finish", "reload", "start", "restart", "aside"}[w]
}

// Text is whose text daemon.json has.
type Text int

const (
	TextForeign Text = iota // another program's
	TextOld                 // the one before the change
	TextPlanned             // one that the plan writes
	textWayBack             // one written on the way back
)

// Engine is what a running dockerd is, beside what the way back leads to.
type Engine int

const (
	EngineUnknown      Engine = iota // it was not asked, or cannot be compared
	EngineRestored                   // it is that already
	EngineNeedsReload                // a reload makes it that
	EngineNeedsRestart               // only a restart does
)

// Scene is what was seen of a host with an open journal.
type Scene struct {
	Text   Text
	Unit   host.Unit
	Engine Engine
	// most is what Docker may be disturbed by.
	MaxDisruption config.Disruption
	// sameRun says that the run that wrote the journal is on its way back.
	SameRun bool
	// refused says that dockerd did not take the later text.
	Refused bool
}

// Decide decides what is done about j. It is pure.
//
// No Docker is started but one that is down because of us, and none restarted
// without consent: in the run that restarted it once, that consent is for the
// way back too.
func Decide(j state.Journal, s Scene) Way {
	switch {
	case LeftDown(j, s):
		return Start
	case s.Text == TextForeign:
		return Leave
	case !s.Unit.Running() && j.Engine == nil && s.Text == TextPlanned && !j.Failed:
		return Leave // nothing else was to be done
	case !s.Unit.Running():
		return RestoreFile
	case s.Text == TextPlanned && !j.Failed && !s.Refused && s.MaxDisruption >= config.DisruptionReload:
		return Finish
	}
	switch s.Engine {
	case EngineNeedsRestart:
		if s.MaxDisruption < config.DisruptionRestart {
			return SetAside
		}
		return Restart
	case EngineNeedsReload:
		if s.MaxDisruption < config.DisruptionReload {
			return RestoreFile
		}
		return Reload
	default:
		return RestoreFile
	}
}

// LeftDown reports whether Docker is down because of us: the journal was begun
// while it ran, and either it was not seen up again since this program asked for
// a restart or a start, or dockerd ends by itself from a text of ours. A Docker that a
// person or another program has stopped is not, nor one that was started too
// often by others or was killed.
func LeftDown(j state.Journal, s Scene) bool {
	if j.Engine == nil || s.Unit.Running() {
		return false
	}
	asked := j.Restarting && j.Restarted == ""
	if asked && s.SameRun {
		return true
	}
	switch s.Unit.ActiveState {
	case "activating":
		return asked || s.Text == TextPlanned || s.Text == textWayBack
	case "failed":
		return asked || (s.Text == TextPlanned || s.Text == textWayBack) && !stoppedByOthers(s.Unit.Result)
	}
	return asked && j.Starting // else by a stop
}

// stoppedByOthers knows the results of systemd.service(5) that come of what is
// done to dockerd, and not of what it reads.
func stoppedByOthers(result string) bool {
	return result == "start-limit-hit" || result == "signal" || result == "oom-kill"
}

// startedSince reports whether Docker was started after j was begun. Where the journal
// does not say which start of it there was, it counts as that: what the file
// gives is right after any.
func startedSince(j state.Journal, unit host.Unit) bool {
	return j.Engine == nil || j.Invocation == "" || unit.InvocationID != j.Invocation
}

// ranWith is what dockerd ran with when j was begun.
func ranWith(j state.Journal) plan.Settings {
	want := plan.Settings{Runtimes: map[string]daemonjson.Runtime{}, Default: j.Engine.Default, Remap: j.Engine.Remap, Root: j.Engine.Root}
	maps.Copy(want.Runtimes, j.Engine.Runtimes)
	for _, name := range j.Runtimes {
		if _, knew := j.Engine.Runtimes[name]; !knew {
			want.Without = append(want.Without, name)
		}
	}
	maps.Copy(want.Runtimes, j.Engine.Others)
	return want
}

// startsWith is what a dockerd with these flags runs with once it is started from
// text, as far as j is about it. It reports false for a text that it does not
// start from.
func startsWith(j state.Journal, text []byte, flags engine.Flags) (plan.Settings, bool) {
	doc, err := daemonjson.Parse(text)
	if err != nil {
		return plan.Settings{}, false
	}
	want := plan.Settings{Runtimes: map[string]daemonjson.Runtime{}, Default: flags.DefaultRuntime, Remap: config.RemapOf(flags.UsernsRemap != "" || config.UsernsRemapIn(doc) != "")}
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
	// Of a text with the same userns-remap the data root is the same, too. Where
	// another program has changed it, that is what was before.
	if j.Restarting && j.Engine != nil && j.Engine.Remap == config.RemapOn && want.Remap == config.RemapOn {
		want.Root = j.Engine.Root
	}
	return want, defines(doc, flags, want.Default)
}

// defines reports whether dockerd knows the runtime called name with doc.
func defines(doc daemonjson.Document, flags engine.Flags, name string) bool {
	_, defined := doc.Runtimes()[name]
	_, flag := flags.AddRuntimes[name]
	return defined || flag || name == config.RuncRuntime || strings.ContainsAny(name, "./")
}

// ReloadText is old with all that makes dockerd, on a reload, what to says.
// Leaving a key out does not: it keeps its default runtime, and the runtimes too
// unless there is an object of them (moby daemon/reload_unix.go). A default that
// nothing defines is not in it, nor one beside the flag: dockerd would refuse the
// text.
func ReloadText(old []byte, to plan.Settings, flags engine.Flags) (daemonjson.Document, error) {
	doc, err := daemonjson.Parse(old)
	if err != nil {
		return doc, err
	}
	set := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{}}
	for name, r := range to.Runtimes {
		is, there := doc.Runtimes()[name]
		if same := there && is.Path == r.Path && slices.Equal(is.Args, r.Args); !same && r.Path != "" {
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
		// Setting one and removing it leaves the empty object.
		stand := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{}}
		for _, name := range to.Without {
			stand.Runtimes[name] = &daemonjson.Runtime{Path: "/"}
		}
		wants = append(wants, stand)
	}
	for _, want := range append(wants, remove) {
		if doc, err = daemonjson.Edit(doc, want); err != nil {
			return doc, err
		}
	}
	if flag && doc.Has("runtimes") && len(doc.Runtimes()) == 0 {
		// 20.10 crashes on an empty object without a default runtime beside it.
		return doc, errors.New("dockerd keeps the runtimes until its next start: its default runtime is a flag")
	}
	if name, set := doc.DefaultRuntime(); set && !defines(doc, flags, name) {
		none := ""
		return daemonjson.Edit(doc, daemonjson.Want{DefaultRuntime: &none})
	}
	return doc, nil
}

// CompareEngine says what brings the dockerd of unit, which runs with info, to what the
// way back leads to. old is daemon.json before.
func CompareEngine(j state.Journal, unit host.Unit, old []byte, flags engine.Flags, info engine.Info) Engine {
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

// Target is what dockerd is to run with: what it did before, or, once it was started
// since, what the old daemon.json gives. No file brings back what only its memory had.
// It reports false where dockerd does not start from that.
func Target(j state.Journal, unit host.Unit, old []byte, flags engine.Flags) (plan.Settings, bool) {
	if !startedSince(j, unit) {
		return ranWith(j), true
	}
	return startsWith(j, old, flags)
}

// IdentifyText says who wrote a text that daemon.json has.
func IdentifyText(j state.Journal, text []byte) Text {
	digest := durable.Digest(text)
	switch {
	case digest == j.File.Was:
		return TextOld
	case slices.Contains(j.File.Later, digest):
		return TextPlanned
	case slices.Contains(j.File.Back, digest):
		return textWayBack
	default:
		return TextForeign
	}
}
