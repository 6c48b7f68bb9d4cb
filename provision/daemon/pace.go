package daemon

import (
	"fmt"
	"slices"
	"time"

	"runsc-provisioner/provision/checkup"
)

// Contest is a setting that another program keeps changing, and that is not changed
// back any more.
type Contest struct {
	Item    string    `json:"item"`
	Want    string    `json:"want"`
	Got     string    `json:"got"` // what it is left as; from outside, as Revert.Got
	Since   time.Time `json:"since"`
	Reverts []Revert  `json:"reverts"` // the newest last
}

// Revert is one time that a thing was changed back.
type Revert struct {
	At  time.Time `json:"at"`
	Got string    `json:"got"` // from outside: not fit for a terminal as it is
}

// pace says what is changed back, and what is left because another program keeps
// changing it. It is a value: the time is told to it.
type pace struct {
	maxReverts int // times
	window     time.Duration
	items      map[string]*history
}

// history is that of one item.
type history struct {
	reverts       []Revert // within the window, the newest last
	got           string   // what it was at the last look
	drifted       bool     // it was not right at the last look
	configChanged bool     // and that is because the configuration is new
	contested     time.Time
}

// begin takes in what is not as a new configuration wants it, which nobody has
// changed.
func (p *pace) begin(drifts []checkup.Drift) {
	p.items = map[string]*history{}
	for _, d := range drifts {
		p.items[d.Item] = &history{got: d.Got, drifted: true, configChanged: true}
	}
}

// look takes in what a look at the host has found, and returns what of it is
// new, in that it was right at the look before.
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
		// Right, by whomever.
		h.drifted, h.configChanged, h.contested = false, false, time.Time{}
		h.forget(now.Add(-p.window))
		if len(h.reverts) == 0 {
			delete(p.items, item)
		}
	}
	return fresh
}

// revert takes in that an item was changed back.
func (p *pace) revert(now time.Time, item string) {
	h := p.items[item]
	if h == nil || h.configChanged {
		return
	}
	h.reverts = append(h.reverts, Revert{At: now, Got: h.got})
}

// forget drops what was before a moment. What is contested is remembered as it
// came about.
func (h *history) forget(before time.Time) {
	if h.contested.IsZero() {
		h.reverts = slices.DeleteFunc(h.reverts, func(r Revert) bool { return r.At.Before(before) })
	}
}

// contests are the things that are not changed back now, of what drifts says is
// wanted.
func (p *pace) contests(drifts []checkup.Drift) []Contest {
	var all []Contest
	for _, d := range drifts {
		if h := p.items[d.Item]; h != nil && !h.contested.IsZero() {
			all = append(all, Contest{Item: d.Item, Want: d.Want, Got: d.Got, Since: h.contested, Reverts: slices.Clone(h.reverts)})
		}
	}
	return all
}

// explain says why c is left as it is.
func (c Contest) explain(window time.Duration) string {
	return fmt.Sprintf("contested: it was changed back %d times within %s, and is %q again; find the program that changes it, then run `runsc-provisioner apply`",
		len(c.Reverts), window, c.Got)
}

const (
	// A failed try is repeated after firstRetry, and then after twice as long each
	// time, up to lastRetry.
	firstRetry = 5 * time.Second
	lastRetry  = 15 * time.Minute
	// restartEvery is how far apart restarts of ours are. systemd lets a unit fail
	// that is started three times within a minute; a restart that fails and is
	// undone is two of them.
	restartEvery = 10 * time.Minute
)

// retry paces what has failed.
type retry struct {
	failed int
	next   time.Time
}

// fail notes a failure.
func (r *retry) fail(now time.Time) {
	wait := lastRetry
	if r.failed < 20 {
		wait = min(firstRetry<<r.failed, lastRetry)
	}
	r.failed++
	r.next = now.Add(wait)
}

// waits reports whether it is too early to try again.
func (r *retry) waits(now time.Time) bool { return r.failed > 0 && now.Before(r.next) }
