package daemon

import (
	"errors"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/watch"
)

// outcome is what came of a round.
type outcome struct {
	nothingNew     bool // nothing has changed since the last look
	observed       host.Observed
	unit           host.Unit
	config         keptConfig
	targets        targets
	drifts         []checkup.Drift // by any of its looks, one for each item
	newDrifts      []checkup.Drift // what of it was right before
	repaired       []checkup.Drift
	held           []plan.Held
	contests       []Contest
	items          []checkup.Item
	waiting        string // for what
	err            error
	tentative      bool // err or waiting may pass by itself
	tooEarly       bool // err is from before: it is too early to try again
	reloads        uint64
	restarts       uint64
	began          time.Time
	lookBegan      time.Time     // when the last look of it began
	next           time.Duration // until the next look, at the latest
	install        error         // why no release was installed
	unpacked       bool          // one was
	releaseMissing bool          // one that is wanted is not there, or damaged
	fetching       *Download     // it is on its way
	// rewritten says that a record which was damaged is whole again.
	recordRewritten bool
	// recovered says what was done about runs that did not end, and abandoned
	// which of that failed and was set aside.
	recovered, abandoned []string
}

// classify says what becomes of an error, and when to look again.
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
		out.tentative = true // perhaps half-written
	case errors.As(out.err, &reach):
		out.waiting, out.err, out.tentative = out.err.Error(), nil, true
		if out.unit.Running() {
			out.next = firstRetry // nothing reports when it answers again
		}
	case errors.Is(out.err, state.ErrLocked):
		// What it will be like afterwards is not known: not "enforced", for one.
		out.waiting, out.err, out.next = out.err.Error(), nil, time.Second
	case errors.Is(out.err, provision.ErrBusy):
		out.tentative, out.next = true, firstRetry
	case errors.As(out.err, &refusal):
	default:
		r.failure = out.err
		r.retry.fail(now)
	}
	if out.err == nil && out.waiting == "" {
		r.troubleSince = time.Time{}
	} else if r.troubleSince.IsZero() {
		r.troubleSince = out.began
	}
	if out.tentative {
		out.tentative = now.Sub(r.troubleSince) < grace
		if out.tentative {
			out.next = min(out.next, grace)
		}
	}
	if syntax != nil && !errors.As(out.err, &syntax) {
		syntax = nil
	}
	if out.err != nil && (refusal != nil || syntax != nil) {
		r.quietStamps = r.stamps // nothing else comes of another look at the same files
	}
	for _, at := range []retry{r.retry, r.fetch} {
		if at.failed > 0 && at.waits(now) {
			out.next = min(out.next, at.next.Sub(now))
		}
	}
}
