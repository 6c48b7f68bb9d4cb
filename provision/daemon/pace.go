package daemon

import (
	"fmt"
	"slices"
	"time"

	"runsc-provisioner/provision/checkup"
)

// Contest is a setting that another program keeps changing, so the daemon no longer
// changes it back.
type Contest struct {
	Item    string    `json:"item"`
	Want    string    `json:"want"`
	Got     string    `json:"got"` // its current value, from outside like Revert.Got
	Since   time.Time `json:"since"`
	Reverts []Revert  `json:"reverts"` // the newest last
}

// Revert is one time that the daemon changed an item back.
type Revert struct {
	At  time.Time `json:"at"`
	Got string    `json:"got"` // from outside: not safe for a terminal
}

// pace decides which items are changed back, and which are left alone because another
// program keeps changing them. The caller gives it the time.
type pace struct {
	maxReverts int // times
	window     time.Duration
	items      map[string]*history
}

// history is the history of one item.
type history struct {
	reverts       []Revert // within the window, the newest last
	got           string   // its value at the last look
	drifted       bool     // it differed from the configuration at the last look
	configChanged bool     // because the configuration changed
	contested     time.Time
}

// begin records the items that differ from a new configuration. No program has
// changed them.
func (p *pace) begin(drifts []checkup.Drift) {
	p.items = map[string]*history{}
	for _, d := range drifts {
		p.items[d.Item] = &history{got: d.Got, drifted: true, configChanged: true}
	}
}

// look records the drift that a look has found, and returns the items that matched
// the configuration at the look before.
func (p *pace) look(now time.Time, drifts []checkup.Drift) (fresh []checkup.Drift) {
	if p.items == nil {
		p.items = map[string]*history{}
	}
	found := map[string]bool{}
	for _, d := range drifts {
		found[d.Item] = true
		h := p.items[d.Item]
		if h == nil {
			h = &history{}
			p.items[d.Item] = h
		}
		h.forget(now.Add(-p.window))
		if !h.drifted {
			fresh = append(fresh, d)
		}
		h.drifted, h.got = true, d.Got
		if len(h.reverts) >= p.maxReverts && h.contested.IsZero() {
			h.contested = now
		}
	}
	for item, h := range p.items {
		if found[item] {
			continue
		}
		// It matches, whichever program changed it.
		h.drifted, h.configChanged, h.contested = false, false, time.Time{}
		h.forget(now.Add(-p.window))
		if len(h.reverts) == 0 {
			delete(p.items, item)
		}
	}
	return fresh
}

// revert records that an item was changed back.
func (p *pace) revert(now time.Time, item string) {
	h := p.items[item]
	if h == nil || h.configChanged {
		return
	}
	h.reverts = append(h.reverts, Revert{At: now, Got: h.got})
}

// forget drops the reverts before a time, unless the item is contested.
func (h *history) forget(before time.Time) {
	if h.contested.IsZero() {
		h.reverts = slices.DeleteFunc(h.reverts, func(r Revert) bool { return r.At.Before(before) })
	}
}

// contests returns the drifts that are not changed back.
func (p *pace) contests(drifts []checkup.Drift) []Contest {
	var all []Contest
	for _, d := range drifts {
		if h := p.items[d.Item]; h != nil && !h.contested.IsZero() {
			all = append(all, Contest{Item: d.Item, Want: d.Want, Got: d.Got, Since: h.contested, Reverts: slices.Clone(h.reverts)})
		}
	}
	return all
}

// explain returns why c is left alone.
func (c Contest) explain(window time.Duration) string {
	return fmt.Sprintf("contested: the daemon changed it back %d times within %s, and it is %q again; find the program that changes it, then run `runsc-provisioner apply`",
		len(c.Reverts), window, c.Got)
}

const (
	// The first retry comes after firstRetry. The wait then doubles each time, up to
	// lastRetry.
	firstRetry = 5 * time.Second
	lastRetry  = 15 * time.Minute
	// restartEvery is the least time between two restarts of Docker. systemd fails a
	// unit that is started three times within a minute, and a restart that fails and
	// is undone starts it twice.
	restartEvery = 10 * time.Minute
)

// retry paces the retries after a failure.
type retry struct {
	failed int
	next   time.Time
}

// fail records a failure.
func (r *retry) fail(now time.Time) {
	wait := lastRetry
	if r.failed < 20 {
		wait = min(firstRetry<<r.failed, lastRetry)
	}
	r.failed++
	r.next = now.Add(wait)
}

// waits reports whether it is too early to retry.
func (r *retry) waits(now time.Time) bool { return r.failed > 0 && now.Before(r.next) }
