package contest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/checkup"
)

// at is a moment some seconds after an arbitrary one.
func at(seconds int) time.Time { return time.Unix(1_800_000_000+int64(seconds), 0) }

func TestTracker(t *testing.T) {
	theirs := []checkup.Drift{{Item: "default-runtime", Want: "runsc", Got: "runc"}}
	type look struct {
		at     int
		drifts []checkup.Drift
		revert bool
	}
	// fight is a drift every so many seconds, changed back at once.
	fight := func(times, every int) (looks []look) {
		for i := range times {
			looks = append(looks, look{i * every, theirs, true}, look{i*every + 1, nil, false})
		}
		return looks
	}
	for _, test := range []struct {
		name      string
		looks     []look
		fresh     int  // drifts that were new
		contested bool // in the end
	}{
		{name: "never changed", looks: []look{{0, nil, false}, {10, nil, false}}},
		{name: "changed as often as is changed back", looks: fight(3, 10), fresh: 3},
		{name: "once more, and left", looks: append(fight(3, 10), look{30, theirs, false}), fresh: 4, contested: true},
		{name: "changed again before anybody looks", looks: []look{{0, theirs, true}, {1, theirs, true}, {2, theirs, true}, {3, theirs, false}}, fresh: 1, contested: true},
		{name: "left for as long as it stays", looks: append(fight(3, 10), look{30, theirs, false}, look{3000, theirs, false}), fresh: 4, contested: true},
		{name: "slowly, over and over", looks: append(fight(20, 60), look{1200, theirs, false}), fresh: 21},
		{name: "held, and so not changed back", looks: []look{{0, theirs, false}, {1, theirs, false}, {2, theirs, false}, {3, theirs, false}, {4, theirs, false}}, fresh: 1},
		{name: "right again, and changed at once", looks: append(fight(3, 10), look{30, theirs, false}, look{31, nil, false}, look{32, theirs, false}), fresh: 5, contested: true},
		{name: "right again, and changed after the window", looks: append(fight(3, 10), look{30, theirs, false}, look{31, nil, false}, look{200, theirs, false}), fresh: 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Tracker{MaxReverts: 3, Window: 100 * time.Second}
			fresh := 0
			for _, look := range test.looks {
				fresh += len(p.Look(at(look.at), look.drifts))
				if look.revert && len(p.Contests(look.drifts)) > 0 {
					t.Errorf("contested at %d s already", look.at)
				}
				if look.revert {
					p.Revert(at(look.at), "default-runtime")
				}
			}
			if fresh != test.fresh {
				t.Errorf("got %d changes, want %d", fresh, test.fresh)
			}
			if got := len(p.Contests(theirs)) > 0; got != test.contested {
				t.Errorf("contested: got %v, want %v", got, test.contested)
			}
		})
	}
}

func TestTrackerKeepsItemsApart(t *testing.T) {
	p := Tracker{MaxReverts: 1, Window: time.Hour}
	link := checkup.Drift{Item: "link", Want: "b", Got: "a"}
	file := checkup.Drift{Item: "default-runtime", Want: "runsc", Got: "runc"}
	p.Look(at(0), []checkup.Drift{link})
	p.Revert(at(0), "link")
	p.Revert(at(0), "default-runtime") // never seen to be otherwise
	p.Look(at(30), []checkup.Drift{link, file})
	got := p.Contests([]checkup.Drift{link, file})
	want := []Contest{{Item: "link", Want: "b", Got: "a", Since: at(30), Reverts: []Revert{{at(0), "a"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contests (-want +got):\n%s", diff)
	}
}

// What a new configuration wants is no drift that another program made, and does not count.
func TestTrackerBegins(t *testing.T) {
	p := Tracker{MaxReverts: 1, Window: time.Hour}
	d := []checkup.Drift{{Item: "link"}}
	p.Begin(d)
	p.Revert(at(1), "link") // it is made as it is newly wanted
	if fresh := p.Look(at(1), d); len(fresh) != 0 || len(p.Contests(d)) != 0 {
		t.Errorf("got %v as new and %v contested, want neither", fresh, p.Contests(d))
	}
	p.Look(at(2), nil)
	if fresh := p.Look(at(3), d); len(fresh) != 1 || len(p.Contests(d)) != 0 {
		t.Errorf("got %v as new and %v contested, want the first change", fresh, p.Contests(d))
	}
}
