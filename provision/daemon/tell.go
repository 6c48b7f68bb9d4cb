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
		s.LastDrift = &LastDrift{Drift: d, At: now}
		l.tell(Notice{Kind: Drifted, Text: fmt.Sprintf("drift: %s is %q, want %q", d.Item, d.Got, d.Want), Fields: map[string]string{fieldItem: d.Item, fieldWant: d.Want, fieldGot: d.Got}})
	}
	for _, d := range out.repaired {
		s.Counts.Repairs[d.Item]++
		if s.LastDrift != nil && s.LastDrift.Item == d.Item {
			s.LastDrift.Repaired = now
		}
		l.tell(Notice{Kind: Repaired, Text: fmt.Sprintf("repaired: %s matches the configuration again (%d ms)", d.Item, took.Milliseconds()), Fields: map[string]string{fieldItem: d.Item, fieldTook: strconv.FormatInt(took.Milliseconds(), 10)}})
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
	s.Wanted, s.ConfigKept, s.AcceptedUnread = summarize(out.config.Config), out.config.whyKept, out.config.recordDamage
	if out.recordRewritten {
		s.AcceptedUnread = ""
	}
	s.Docker = dockerInWords(out)
	s.Held, s.Contested, s.Host, s.Fetching = out.held, out.contests, out.items, out.fetching
	for _, item := range out.items {
		if item.Name == config.ItemRelease {
			s.Release = out.installed()
		}
	}
	s.Error, s.object = "", out.object
	if out.err != nil {
		s.Error = out.err.Error()
		l.recheck.Reset(recheckEvery)
	} else if out.waiting == "" && !out.releaseMissing {
		s.LastSuccess = now
	}
	s.sum(out.waiting)
	l.tellStanding(out)
}

// recovered counts and reports recoveries of interrupted runs.
func (l *loop) recovered(out *outcome) {
	l.status.Counts.Recoveries += uint64(len(out.recovered))
	l.status.Counts.SetAside += uint64(len(out.abandoned))
	for _, text := range out.recovered {
		l.tell(Notice{Kind: Recovered, Text: text, Fields: map[string]string{fieldWhy: text}})
	}
	for _, text := range slices.Concat(out.abandoned, out.mended) {
		l.tell(Notice{Kind: SetAside, Text: text, Fields: map[string]string{fieldWhy: text}})
	}
}

// installed is the name in the store of the release that the configuration wants, or "". If that
// release is held, it is the one that stays in use.
func (o *outcome) installed() string {
	if _, found := plan.NewestSatisfying(o.observed.Releases, o.config.Config.Spec()); !found {
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
	standing := map[Kind]Notice{}
	if out.err != nil {
		l.status.Counts.Failures++
		standing[Failed] = Notice{Text: out.err.Error(), Fields: map[string]string{fieldWhy: out.err.Error()}}
	}
	if out.waiting != "" {
		standing[Waiting] = Notice{Text: "waiting: " + out.waiting, Fields: map[string]string{fieldWhy: out.waiting}}
	}
	if out.config.whyKept != "" {
		standing[Kept] = Notice{Text: "the last good configuration is kept: " + out.config.whyKept, Fields: map[string]string{fieldWhy: out.config.whyKept}}
	}
	if out.config.recordDamage != "" && out.config.whyKept == "" {
		text := "the record of the accepted configuration is damaged: " + out.config.recordDamage
		if out.recordRewritten {
			text += "; it was written again"
		}
		standing[Kept] = Notice{Text: text, Fields: map[string]string{fieldWhy: out.config.recordDamage}}
	}
	if len(out.held) > 0 {
		what := joined(out.held, func(h steps.Held) string { return h.What + ": " + h.Why })
		standing[Held] = Notice{Text: "held: " + what, Fields: map[string]string{fieldItem: joined(out.held, func(h steps.Held) string { return h.What }), fieldWhy: what}}
	}
	if f := out.fetching; f != nil && len(out.held) == 0 {
		standing[Downloading] = Notice{Text: "gVisor " + f.Release + " is being downloaded; until then the installed release is enforced", Fields: map[string]string{fieldItem: config.ItemRelease, fieldWant: f.Release}}
	}
	if len(out.contests) > 0 {
		var words []string
		for _, c := range out.contests {
			words = append(words, fmt.Sprintf("%s (want %q) was changed back %d times and is %q again", c.Item, c.Want, len(c.Reverts), c.Got))
		}
		standing[Contested] = Notice{
			Text:   "another program keeps changing a setting, so it is left alone: " + strings.Join(words, "; "),
			Fields: map[string]string{fieldItem: joined(out.contests, func(c contest.Contest) string { return c.Item }), fieldWhy: strings.Join(words, "; ")},
		}
	}
	for _, kind := range []Kind{Failed, Waiting, Kept, Held, Contested, Downloading} {
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
func (l *loop) tellOnce(n Notice) {
	if l.standing[n.Kind] != n.Text {
		l.standing[n.Kind] = n.Text
		l.tell(n)
	}
}

// tell reports n, unless the same notice was told often recently.
func (l *loop) tell(n Notice) {
	tell, unsaid := l.repeats.shouldTell(l.Now(), n.key())
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
	if s.State != StateStarting {
		s.sum(l.waiting())
	}
	s.Counts = s.Counts.clone()
	// An empty list is [] in JSON, not null.
	s.Held, s.Contested = append([]steps.Held{}, s.Held...), append([]contest.Contest{}, s.Contested...)
	l.Publish(s)
}

// waiting is what the daemon waits for, if a notice has said so.
func (l *loop) waiting() string {
	return strings.TrimPrefix(l.standing[Waiting], "waiting: ")
}
