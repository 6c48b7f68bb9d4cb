// Package contest decides which settings are changed back, and which are left alone because another program
// keeps changing them. It is pure: the caller gives it the time.
package contest

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

// Tracker decides which items are changed back, and which are left alone because another
// program keeps changing them. The caller gives it the time.
type Tracker struct {
	MaxReverts int // times
	Window     time.Duration
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

// Reset forgets everything.
func (t *Tracker) Reset() { t.items = nil }

// Begin records the items that differ from a new configuration. No program has
// changed them.
func (t *Tracker) Begin(drifts []checkup.Drift) {
	t.items = map[string]*history{}
	for _, d := range drifts {
		t.items[d.Item] = &history{got: d.Got, drifted: true, configChanged: true}
	}
}

// Look records the drift that a look has found, and returns the items that matched
// the configuration at the look before.
func (t *Tracker) Look(now time.Time, drifts []checkup.Drift) (fresh []checkup.Drift) {
	if t.items == nil {
		t.items = map[string]*history{}
	}
	found := map[string]bool{}
	for _, d := range drifts {
		found[d.Item] = true
		h := t.items[d.Item]
		if h == nil {
			h = &history{}
			t.items[d.Item] = h
		}
		h.forget(now.Add(-t.Window))
		if !h.drifted {
			fresh = append(fresh, d)
		}
		h.drifted, h.got = true, d.Got
		if len(h.reverts) >= t.MaxReverts && h.contested.IsZero() {
			h.contested = now
		}
	}
	for item, h := range t.items {
		if found[item] {
			continue
		}
		// It matches, whichever program changed it.
		h.drifted, h.configChanged, h.contested = false, false, time.Time{}
		h.forget(now.Add(-t.Window))
		if len(h.reverts) == 0 {
			delete(t.items, item)
		}
	}
	return fresh
}

// Revert records that an item was changed back.
func (t *Tracker) Revert(now time.Time, item string) {
	h := t.items[item]
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

// Contests returns the drifts that are not changed back.
func (t *Tracker) Contests(drifts []checkup.Drift) []Contest {
	var all []Contest
	for _, d := range drifts {
		if h := t.items[d.Item]; h != nil && !h.contested.IsZero() {
			all = append(all, Contest{Item: d.Item, Want: d.Want, Got: d.Got, Since: h.contested, Reverts: slices.Clone(h.reverts)})
		}
	}
	return all
}

// Explain returns why c is left alone.
func (c Contest) Explain(window time.Duration) string {
	return fmt.Sprintf("contested: the daemon changed it back %d times within %s, and it is %q again; find the program that changes it, then run `runsc-provisioner apply`",
		len(c.Reverts), window, c.Got)
}
