package daemon

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/contest"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/provision/steps"
)

// record puts the outcome of a round into the status, and reports it.
func (l *loop) record(out *outcome, now time.Time) {
	s := &l.status
	s.Counts.Looks++
	s.Counts.Reloads += out.reloads
	s.Counts.Restarts += out.restarts
	l.recovered(out)
	s.LastLook, s.NextLook = now, now.Add(out.next)
	took := now.Sub(out.began)
	for _, d := range out.newDrifts {
		s.Counts.Drifts[d.Item]++
		s.LastDrift = &status.LastDrift{Drift: d, At: now}
		l.tell(status.Notice{Kind: status.Drifted, Text: fmt.Sprintf("drift: %s is %q, want %q", d.Item, d.Got, d.Want), Fields: map[string]string{status.FieldItem: d.Item, status.FieldWant: d.Want, status.FieldGot: d.Got}})
	}
	for _, d := range out.repaired {
		s.Counts.Repairs[d.Item]++
		if s.LastDrift != nil && s.LastDrift.Item == d.Item {
			s.LastDrift.Repaired = now
		}
		l.tell(status.Notice{Kind: status.Repaired, Text: fmt.Sprintf("repaired: %s matches the configuration again (%d ms)", d.Item, took.Milliseconds()), Fields: map[string]string{status.FieldItem: d.Item, status.FieldTook: strconv.FormatInt(took.Milliseconds(), 10)}})
	}
	if out.switchedTo != "" {
		l.tell(status.Notice{Kind: status.Switched, Text: fmt.Sprintf("new containers run gVisor %s, after %s", out.switchedTo, out.switchedFrom), Fields: map[string]string{status.FieldItem: config.ItemRelease, status.FieldWant: out.switchedTo, status.FieldGot: out.switchedFrom}})
	}
	switch {
	case len(out.repaired) > 0:
		l.Measure(RepairTook, took)
	case out.err == nil && out.waiting == "":
		l.Measure(LookTook, took)
	}
	l.changed = true
	if out.tentative {
		return
	}
	s.Wanted, s.ConfigKept, s.AcceptedUnread = status.WantedOf(out.config.Config), out.config.whyKept, out.config.recordDamage
	if out.recordRewritten {
		s.AcceptedUnread = ""
	}
	s.Docker = dockerInWords(out)
	s.Held, s.Contested, s.Host, s.Fetching, s.Upgrade = out.held, out.contests, out.items, out.fetching, out.upgrade
	for _, item := range out.items {
		if item.Name == config.ItemRelease {
			s.Release = out.installed()
		}
	}
	s.Error, s.Object = "", out.object
	if out.err != nil {
		s.Error = out.err.Error()
		l.recheck.Reset(recheckEvery)
	} else if out.waiting == "" && !out.releaseMissing {
		s.LastSuccess = now
	}
	s.Sum(out.waiting)
	l.tellStanding(out)
}

// recovered counts and reports recoveries of interrupted runs.
func (l *loop) recovered(out *outcome) {
	l.status.Counts.Recoveries += uint64(len(out.recovered))
	l.status.Counts.SetAside += uint64(len(out.abandoned))
	for _, text := range out.recovered {
		l.tell(status.Notice{Kind: status.Recovered, Text: text, Fields: map[string]string{status.FieldWhy: text}})
	}
	for _, text := range slices.Concat(out.abandoned, out.mended) {
		l.tell(status.Notice{Kind: status.SetAside, Text: text, Fields: map[string]string{status.FieldWhy: text}})
	}
}

// installed is the name in the store of the release that the configuration wants, or "". If that
// release is held, it is the one that stays in use.
func (o *outcome) installed() string {
	if _, found := release.NewestSatisfying(o.observed.Releases, o.config.Config.Spec()); !found {
		return ""
	}
	return plan.NewGoal(o.config.Config, o.observed).Current.Name
}

func dockerInWords(out *outcome) string {
	switch {
	case out.observed.Engine != nil:
		return out.observed.Engine.Version + ", " + out.unit.ActiveState
	case out.unit.LoadState == "":
		return "not known"
	case out.unit.LoadState != "loaded":
		return out.unit.LoadState
	default:
		return out.unit.ActiveState
	}
}

// tellStanding tells of conditions that last until the user or another program acts.
func (l *loop) tellStanding(out *outcome) {
	standing := map[status.Kind]status.Notice{}
	if out.err != nil {
		l.status.Counts.Failures++
		standing[status.Failed] = status.Notice{Text: out.err.Error(), Fields: map[string]string{status.FieldWhy: out.err.Error()}}
	}
	if out.waiting != "" {
		standing[status.Waiting] = status.Notice{Text: "waiting: " + out.waiting, Fields: map[string]string{status.FieldWhy: out.waiting}}
	}
	if out.config.whyKept != "" {
		standing[status.Kept] = status.Notice{Text: "the last good configuration is kept: " + out.config.whyKept, Fields: map[string]string{status.FieldWhy: out.config.whyKept}}
	}
	if out.config.recordDamage != "" && out.config.whyKept == "" {
		text := "the record of the accepted configuration is damaged: " + out.config.recordDamage
		if out.recordRewritten {
			text += "; it was written again"
		}
		standing[status.Kept] = status.Notice{Text: text, Fields: map[string]string{status.FieldWhy: out.config.recordDamage}}
	}
	if len(out.held) > 0 {
		what := status.Join(out.held, func(h steps.Held) string { return h.What + ": " + h.Why })
		standing[status.Held] = status.Notice{Text: "held: " + what, Fields: map[string]string{status.FieldItem: status.Join(out.held, func(h steps.Held) string { return h.What }), status.FieldWhy: what}}
	}
	if f := out.fetching; f != nil && len(out.held) == 0 {
		standing[status.Downloading] = status.Notice{Text: f.Announce(), Fields: map[string]string{status.FieldItem: config.ItemRelease, status.FieldWant: f.Release}}
	}
	if len(out.contests) > 0 {
		var words []string
		for _, c := range out.contests {
			words = append(words, fmt.Sprintf("%s (want %q) was changed back %d times and is %q again", c.Item, c.Want, len(c.Reverts), c.Got))
		}
		standing[status.Contested] = status.Notice{
			Text:   "another program keeps changing a setting, so it is left alone: " + strings.Join(words, "; "),
			Fields: map[string]string{status.FieldItem: status.Join(out.contests, func(c contest.Contest) string { return c.Item }), status.FieldWhy: strings.Join(words, "; ")},
		}
	}
	for _, kind := range []status.Kind{status.Failed, status.Waiting, status.Kept, status.Held, status.Contested, status.Downloading} {
		n, stands := standing[kind]
		if !stands {
			delete(l.standing, kind)
			continue
		}
		n.Kind = kind
		l.tellOnce(n)
	}
}

// tellOnce reports a condition that lasts, once.
func (l *loop) tellOnce(n status.Notice) {
	if l.standing[n.Kind] != n.Text {
		l.standing[n.Kind] = n.Text
		l.tell(n)
	}
}

// tell reports n, unless the same notice was told often recently.
func (l *loop) tell(n status.Notice) {
	tell, unsaid := l.repeats.ShouldTell(l.Now(), n.Key())
	if !tell {
		return
	}
	if unsaid > 0 {
		n.Text += fmt.Sprintf(" (repeated %d times since the last notice)", unsaid)
	}
	l.Tell(n)
}

// publishChanges publishes the status if it has changed.
func (l *loop) publishChanges() {
	if !l.changed {
		return
	}
	if wait := publishEvery - l.Now().Sub(l.published); wait > 0 {
		l.publish.Reset(wait)
		return
	}
	l.publishNow()
}

func (l *loop) publishNow() {
	l.changed, l.published = false, l.Now()
	s := l.status
	s.Containers = l.containers.count()
	if s.State != status.StateStarting {
		s.Sum(l.waiting())
	}
	s.Counts = s.Counts.Clone()
	// An empty list is [] in JSON, not null.
	s.Held, s.Contested = append([]steps.Held{}, s.Held...), append([]contest.Contest{}, s.Contested...)
	l.Publish(s)
}

// waiting is what the daemon waits for, if a notice has said so.
func (l *loop) waiting() string {
	return strings.TrimPrefix(l.standing[status.Waiting], "waiting: ")
}
