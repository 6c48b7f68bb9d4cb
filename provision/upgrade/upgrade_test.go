package upgrade

import (
	"errors"
	"testing"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/release"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func TestConsider(t *testing.T) {
	const day = 24 * time.Hour
	withdrawn := []release.Withdrawn{{Release: "20260914.0", Archives: []release.Archive{{Name: "gvisor.tar.zstd", SHA512: "aa"}}}}
	for _, test := range []struct {
		name  string
		offer release.Offer
		seen  time.Time
		after time.Duration
		want  string // "", wait, withdrawn
	}{
		{"no delay", release.Offer{SHA512: "bb"}, now, 0, ""},
		{"seen just now", release.Offer{SHA512: "bb"}, now, day, "wait"},
		{"seen long ago", release.Offer{SHA512: "bb"}, now.Add(-day), day, ""},
		{"seen a moment too late", release.Offer{SHA512: "bb"}, now.Add(-day + 1), day, "wait"},
		{"in an old index", release.Offer{Release: "20260921.0", SHA512: "bb", Date: now.Add(-day)}, now, day, ""},
		{"in a new index, and seen in an older one", release.Offer{Release: "20260921.0", SHA512: "bb", Date: now}, now.Add(-day), day, ""},
		{"withdrawn by its digest", release.Offer{SHA512: "aa"}, now.Add(-day), 0, "withdrawn"},
		{"withdrawn by its name", release.Offer{Release: "20260914.0", SHA512: "cc"}, now.Add(-day), 0, "withdrawn"},
		{"another point release", release.Offer{Release: "20260914.1", SHA512: "cc"}, now.Add(-day), 0, ""},
	} {
		err := Consider(test.offer, withdrawn, test.seen, test.after, now)
		var wait *WaitError
		var back *WithdrawnError
		got := map[bool]string{true: "", false: "other"}[err == nil]
		switch {
		case errors.As(err, &wait):
			got = "wait"
		case errors.As(err, &back):
			got = "withdrawn"
		}
		if got != test.want {
			t.Errorf("%s: got %q (%v), want %q", test.name, got, err, test.want)
		}
	}
}

func TestSchedule(t *testing.T) {
	c := config.Default()
	c.Release.Upgrade = config.UpgradeAuto
	var s Schedule
	if !s.Due(now, c, false) {
		t.Error("the first question is not due at once")
	}
	for _, test := range []struct {
		name  string
		err   error
		after time.Duration // until the next question
	}{
		{"installed", nil, askEvery},
		{"unreachable", errors.New("no route"), firstRetry},
		{"unreachable again", errors.New("no route"), 2 * firstRetry},
		{"waits a day", &WaitError{Until: now.Add(24 * time.Hour)}, askEvery},
		{"waits an hour", &WaitError{Until: now.Add(time.Hour)}, time.Hour},
		{"unreachable after an answer", errors.New("no route"), firstRetry},
		{"withdrawn", &WithdrawnError{}, askEvery},
	} {
		s.Asked(now, test.err)
		if !s.Next.Equal(now.Add(test.after)) || (s.Result == "") != (test.err == nil) {
			t.Errorf("%s: got the next at %s, %q, want it after %s", test.name, s.Next, s.Result, test.after)
		}
		if s.Due(s.Next.Add(-1), c, false) || !s.Due(s.Next, c, false) || !s.Due(now, c, true) {
			t.Errorf("%s: due before its time, or not at it, or not although it is fetched", test.name)
		}
	}
	for range 100 {
		s.Asked(now, errors.New("no route"))
	}
	if !s.Next.Equal(now.Add(askEvery)) {
		t.Errorf("after many failures: got %s", s.Next)
	}
	c.Release.Version = "20260914.0"
	if On(c) || s.Due(s.Next, c, true) {
		t.Error("a pinned release is upgraded")
	}
	c.Release.Version, c.Release.Upgrade = "latest", config.UpgradeManual
	if On(c) || s.Due(s.Next, c, true) {
		t.Error("it is upgraded although that is off")
	}
	c.Release.Upgrade = config.UpgradeAuto
	if err := c.Release.UpgradeWindow.UnmarshalText([]byte("13:00-14:00")); err != nil {
		t.Fatal(err)
	}
	if s = (Schedule{}); s.Due(now, c, true) || !s.Due(now.Add(time.Hour), c, false) {
		t.Error("the window does not count")
	}
}
