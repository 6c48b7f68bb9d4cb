package daemon

import (
	"errors"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/contest"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/provision/upgrade"
	"runsc-provisioner/provision/watch"
)

// outcome is the result of a round.
type outcome struct {
	nothingNew     bool // nothing has changed since the last look
	moved          bool // the configuration has other places than this process
	observed       host.Observed
	unit           host.Unit
	config         keptConfig
	targets        targets
	drifts         []checkup.Drift // found by any look of the round, one for each item
	newDrifts      []checkup.Drift // those that were right before
	repaired       []checkup.Drift
	held           []steps.Held
	contests       []contest.Contest
	items          []checkup.Item
	waiting        string // what the daemon waits for
	err            error
	object         string // what err or waiting is about, if that is known: a path, a unit, a key
	tentative      bool   // err or waiting may soon pass, so they are not reported yet
	tooEarly       bool   // err is of an earlier round: it is too early to retry
	reloads        uint64
	restarts       uint64
	began          time.Time
	lookBegan      time.Time        // when its last look began
	next           time.Duration    // until the next look, at the latest
	install        error            // why no release was installed
	unpacked       bool             // a release was installed
	releaseMissing bool             // the wanted release is missing or damaged
	fetching       *status.Download // its download
	upgradeNow     bool             // the daemon looks for a newer release
	upgrade        *status.Upgrade
	switchedFrom   string // the release that the runtimes ran before, if they run another now
	switchedTo     string
	// recordRewritten is true if the round repaired a damaged record.
	recordRewritten bool
	// mended describes the records that could not be used, and where they were moved.
	mended []string
	// recovered describes the interrupted runs that were finished or undone, and
	// abandoned those that were set aside.
	recovered, abandoned []string
}

// unreachableObject is what did not answer, with the reason if that is one of this program's own.
func unreachableObject(reach *blocked.Unreachable) string {
	for _, reason := range []error{blocked.ErrNotInstalled, blocked.ErrMasked, blocked.ErrNoUnixSocket, blocked.ErrSnap} {
		if errors.Is(reach, reason) {
			return reach.Object + ": " + reason.Error()
		}
	}
	return reach.Object
}

// failedObject says, without text of other programs, what a change that failed has left; "" if it changed
// nothing.
func failedObject(err error) string {
	var back *transaction.RolledBack
	var down *transaction.DockerDown
	switch {
	case errors.As(err, &down):
		return "docker is down"
	case errors.As(err, &back):
		return "a change was rolled back"
	}
	return ""
}

// classify decides how an error is reported, and when the next look is due.
func (r *rounds) classify(out *outcome) {
	now := r.now()
	out.next = time.Duration(r.config.Config.Enforce.Interval)
	if out.next == 0 {
		out.next = time.Minute
	}
	var reach *blocked.Unreachable
	var refusal *blocked.Refused
	var syntax *daemonjson.Error
	switch {
	case out.err == nil:
	case out.tooEarly:
	case errors.Is(out.err, watch.ErrWriting):
		out.tentative, out.next = true, time.Second // nothing reports that it was closed
	case errors.Is(out.err, errNoConfig), errors.As(out.err, &syntax):
		out.tentative = true // the file may be half-written
	case errors.As(out.err, &reach):
		out.object = unreachableObject(reach)
		out.waiting, out.err, out.tentative = out.err.Error(), nil, true
		if out.unit.Running() {
			out.next = firstRetry // nothing reports when it answers again
		}
	case errors.Is(out.err, state.ErrLocked):
		// The host may change until the other run ends, so it is not "enforced".
		out.object = "another run"
		out.waiting, out.err, out.next = out.err.Error(), nil, time.Second
	case errors.Is(out.err, transaction.ErrBusy):
		out.tentative, out.next = true, firstRetry
	case errors.As(out.err, &refusal):
		out.object = refusal.Object
	default:
		out.object = failedObject(out.err)
		r.failure, r.failedConfig = out.err, encoded(r.config.Config)
		r.noteFatal(out.err)
		r.retry.fail(now)
	}
	if out.err == nil && out.waiting == "" {
		r.troubleSince = time.Time{}
	} else if r.troubleSince.IsZero() {
		r.troubleSince = out.began
	}
	if out.tentative = out.tentative && now.Sub(r.troubleSince) < grace; out.tentative {
		out.next = min(out.next, grace)
	}
	if syntax != nil && !errors.As(out.err, &syntax) {
		syntax = nil
	}
	if len(out.observed.Refusals)+len(out.observed.Defects) > 0 {
		out.next = min(out.next, time.Minute) // nothing reports that they are mended
	}
	if out.err != nil && (refusal != nil || syntax != nil) {
		r.quietStamps = r.stamps // another look at the same files would give the same error
	}
	if upgrade.On(r.config.Config) {
		out.upgrade = &status.Upgrade{Next: r.upgrade.Next, Result: r.upgrade.Result}
		if wait := r.upgrade.Next.Sub(now); wait > 0 {
			out.next = min(out.next, wait)
		}
	}
	for _, at := range []retry{r.retry, r.fetch} {
		if at.failed > 0 && at.waits(now) {
			out.next = min(out.next, at.next.Sub(now))
		}
	}
}
