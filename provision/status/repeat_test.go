package status

import (
	"testing"
	"time"
)

func TestRepeats(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(1_800_000_000+int64(seconds), 0) }
	var r Repeats
	said, unsaid := 0, 0
	for second := range 24 * 3600 {
		if aloud, missed := r.ShouldTell(at(second), "the same"); aloud {
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
	if aloud, _ := r.ShouldTell(at(24*3600), "another"); !aloud {
		t.Error("another thing is not said")
	}
	for i := range 10 * maxSaid {
		r.ShouldTell(at(i), string(rune(i)))
	}
	if len(r.said) > maxSaid {
		t.Errorf("remembers %d things, want at most %d", len(r.said), maxSaid)
	}
}
