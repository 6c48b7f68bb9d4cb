package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/checkup"
)

// at is a moment some seconds after an arbitrary one.
func at(seconds int) time.Time { return time.Unix(1_800_000_000+int64(seconds), 0) }

func TestPace(t *testing.T) {
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
			p := pace{maxReverts: 3, window: 100 * time.Second}
			fresh := 0
			for _, look := range test.looks {
				fresh += len(p.look(at(look.at), look.drifts))
				if look.revert && len(p.contests(look.drifts)) > 0 {
					t.Errorf("contested at %d s already", look.at)
				}
				if look.revert {
					p.revert(at(look.at), "default-runtime")
				}
			}
			if fresh != test.fresh {
				t.Errorf("got %d changes, want %d", fresh, test.fresh)
			}
			if got := len(p.contests(theirs)) > 0; got != test.contested {
				t.Errorf("contested: got %v, want %v", got, test.contested)
			}
		})
	}
}

func TestPaceKeepsItemsApart(t *testing.T) {
	p := pace{maxReverts: 1, window: time.Hour}
	link := checkup.Drift{Item: "link", Want: "b", Got: "a"}
	file := checkup.Drift{Item: "default-runtime", Want: "runsc", Got: "runc"}
	p.look(at(0), []checkup.Drift{link})
	p.revert(at(0), "link")
	p.revert(at(0), "default-runtime") // never seen to be otherwise
	p.look(at(30), []checkup.Drift{link, file})
	got := p.contests([]checkup.Drift{link, file})
	want := []Contest{{Item: "link", Want: "b", Got: "a", Since: at(30), Reverts: []Revert{{at(0), "a"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contests (-want +got):\n%s", diff)
	}
}

// What a new configuration wants is no drift that another program made, and does not count.
func TestPaceBegins(t *testing.T) {
	p := pace{maxReverts: 1, window: time.Hour}
	d := []checkup.Drift{{Item: "link"}}
	p.begin(d)
	p.revert(at(1), "link") // it is made as it is newly wanted
	if fresh := p.look(at(1), d); len(fresh) != 0 || len(p.contests(d)) != 0 {
		t.Errorf("got %v as new and %v contested, want neither", fresh, p.contests(d))
	}
	p.look(at(2), nil)
	if fresh := p.look(at(3), d); len(fresh) != 1 || len(p.contests(d)) != 0 {
		t.Errorf("got %v as new and %v contested, want the first change", fresh, p.contests(d))
	}
}

func TestRetry(t *testing.T) {
	var r retry
	if r.waits(at(0)) {
		t.Error("waits before anything has failed")
	}
	var waits []time.Duration
	for range 10 {
		r.fail(at(0))
		waits = append(waits, r.next.Sub(at(0)))
		if !r.waits(r.next.Add(-1)) || r.waits(r.next) {
			t.Errorf("after %v it does not wait until then", waits)
		}
	}
	want := []time.Duration{5e9, 10e9, 20e9, 40e9, 80e9, 160e9, 320e9, 640e9, lastRetry, lastRetry}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	for range 1000 {
		r.fail(at(0)) // does not run over
	}
	if got := r.next.Sub(at(0)); got != lastRetry {
		t.Errorf("got %v after a thousand failures, want %v", got, lastRetry)
	}
}

func TestRepeats(t *testing.T) {
	var r repeats
	said, unsaid := 0, 0
	for second := range 24 * 3600 {
		if aloud, missed := r.shouldTell(at(second), "the same"); aloud {
			said++
			unsaid += missed
		}
	}
	// Five at once, six while the pauses grow to an hour, and then one an hour.
	if said < 25 || said > 40 {
		t.Errorf("said %d times in a day of once a second", said)
	}
	if total := said + unsaid; total < 23*3600 {
		t.Errorf("%d are accounted for, want nearly all of %d", total, 24*3600)
	}
	if aloud, _ := r.shouldTell(at(24*3600), "another"); !aloud {
		t.Error("another thing is not said")
	}
	for i := range 10 * maxSaid {
		r.shouldTell(at(i), string(rune(i)))
	}
	if len(r.said) > maxSaid {
		t.Errorf("remembers %d things, want at most %d", len(r.said), maxSaid)
	}
}
