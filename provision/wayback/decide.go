// Package wayback decides how to settle an unfinished change, and never restarts Docker
// without consent nor starts a Docker that the user or another program has stopped. Its
// functions are pure: they decide from the journal and from what was seen of the host.
package wayback

import (
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
)

// Way is what to do about an unfinished change.
type Way int

const (
	Leave       Way = iota // do nothing: daemon.json is another program's, or all is done
	RestoreFile            // put daemon.json (in another program's text: our keys) and the link back
	Finish                 // have dockerd load our text, which is in daemon.json
	Reload                 // have dockerd undo, by a reload, the settings that it has taken
	Start                  // start Docker, which is down because of us, from the old text
	Restart                // restart Docker from the old text
	SetAside               // set the journal aside: nothing that would be enough is allowed
)

// Text says who wrote the text that is in daemon.json.
type Text int

const (
	TextForeign Text = iota // another program's text
	TextOld                 // the text from before the change
	TextPlanned             // a text that the plan writes
	textWayBack             // a text that was written on the way back
	TextMerged              // another program's text, from which our settings were taken out
)

// Engine compares a running dockerd with the target of the way back.
type Engine int

const (
	EngineUnknown      Engine = iota // it was not asked, or cannot be compared
	EngineRestored                   // it matches the target
	EngineNeedsReload                // a reload brings it to the target
	EngineNeedsRestart               // only a restart brings it to the target
)

// Scene is what was seen of a host with an open journal.
type Scene struct {
	Text   Text
	Carry  Carry     // for TextForeign
	Unit   host.Unit // docker.service
	Engine Engine
	// MaxDisruption is the most that may be done to Docker.
	MaxDisruption config.Disruption
	// SameRun says that the run that wrote the journal is on its way back.
	SameRun bool
	// Refused says that dockerd did not take the planned text.
	Refused bool
}

// Decide returns what to do about j.
//
// Docker is started only if it is down because of us, and restarted only with consent. In
// the run that has restarted Docker, its consent covers the way back too. Neither loads
// another program's text into a Docker that runs: no plan has looked at that text.
func Decide(j state.Journal, s Scene) Way {
	switch {
	case LeftDown(j, s):
		return Start
	case s.Text == TextForeign && takesOut(j, s):
		return RestoreFile
	case s.Text == TextForeign, s.Text == TextMerged:
		return Leave
	case !s.Unit.Running() && j.Engine == nil && s.Text == TextPlanned && !j.Failed:
		return Leave // the plan had nothing else to do
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

// takesOut reports whether our settings must be taken out of another program's text. They
// stay if the next plan can finish the change by a reload.
func takesOut(j state.Journal, s Scene) bool {
	switch {
	case s.Carry == CarriesNothing, s.Carry == CarriesUnknown:
		return false
	case !s.Unit.Running() && j.Engine == nil && !j.Failed:
		return false // the plan had nothing else to do
	}
	return j.Failed || s.Carry == CarriesRestart || !s.Unit.Running()
}

// LeftDown reports whether Docker is down because of us. The journal was begun while
// Docker ran. Since then, either Docker has not come up after a restart or start by this
// program, or dockerd has ended on a reload by this program, or dockerd exits by itself
// with a text of ours. It is false if the user or
// another program has stopped or killed Docker, or started it too often.
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
		return asked || j.Signalled != "" || s.Text == TextPlanned || s.Text == textWayBack
	case "failed":
		return asked || j.Signalled != "" || (s.Text == TextPlanned || s.Text == textWayBack) && !stoppedByOthers(s.Unit.Result)
	}
	return asked && j.Starting // otherwise it was stopped
}

// stoppedByOthers reports whether a result of systemd.service(5) comes from what was done
// to dockerd, and not from the text that it read.
func stoppedByOthers(result string) bool {
	return result == "start-limit-hit" || result == "signal" || result == "oom-kill"
}
