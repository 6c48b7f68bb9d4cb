// Package upgrade says when the daemon may take a newer release by itself, and which. It is pure.
package upgrade

import (
	"errors"
	"fmt"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/release"
)

// WaitError means that a release has not been out for as long as release.upgrade_after says.
type WaitError struct {
	Release string // "" if its source does not say
	Until   time.Time
}

func (e *WaitError) Error() string {
	name := "a newer release"
	if e.Release != "" {
		name = "release " + e.Release
	}
	return fmt.Sprintf("%s waits until %s, as release.upgrade_after says", name, e.Until.UTC().Format(time.RFC3339))
}

// WithdrawnError means that a source has a release that this host went back from.
type WithdrawnError struct{ release.Withdrawn }

func (e *WithdrawnError) Error() string {
	return "release " + e.Release + " is not taken again: " + e.Reason()
}

// Consider says why an offered release is not taken now; nil if it may be. withdrawn is what this host went back from.
// seen is when it first saw the offer, and after how long the release must have been out. The error is a *WaitError or a
// *WithdrawnError.
func Consider(o release.Offer, withdrawn []release.Withdrawn, seen time.Time, after time.Duration, now time.Time) error {
	for _, w := range withdrawn {
		if w.Is(o) {
			return &WithdrawnError{w}
		}
	}
	out := seen
	if !o.Date.IsZero() && o.Date.Before(out) {
		out = o.Date
	}
	if until := out.Add(after); now.Before(until) {
		return &WaitError{Release: o.Release, Until: until}
	}
	return nil
}

const (
	// askEvery is the time between two questions for a newer release.
	askEvery = 6 * time.Hour
	// firstRetry is the time after the first question that failed. It then doubles, up to askEvery.
	firstRetry = time.Minute
)

// Schedule says when the source is asked for a newer release. The zero Schedule asks at once.
type Schedule struct {
	Next   time.Time // of the next question, unless the window is closed then
	Result string    // why the last question led to no upgrade; "" if there was nothing to say
	failed int
}

// Due reports whether it is time to ask, or, if taken, to take what was fetched.
func (s *Schedule) Due(now time.Time, c config.Config, fetched bool) bool {
	return On(c) && c.Release.UpgradeWindow.Contains(now) && (fetched || !now.Before(s.Next))
}

// On reports whether the daemon upgrades by itself. One release alone has no newer one.
func On(c config.Config) bool { return c.Release.Upgrade == config.UpgradeAuto && !c.Spec().Exact() }

// Asked records how a question ended. err is nil if its release is installed now, or was already.
func (s *Schedule) Asked(now time.Time, err error) {
	s.Result, s.Next = "", now.Add(askEvery)
	var wait *WaitError
	var withdrawn *WithdrawnError
	switch {
	case err == nil:
		s.failed = 0
	case errors.As(err, &wait):
		s.failed, s.Result = 0, err.Error()
		if wait.Until.Before(s.Next) {
			s.Next = wait.Until
		}
	case errors.As(err, &withdrawn):
		s.failed, s.Result = 0, err.Error()
	default:
		s.Result = "no newer release could be installed: " + err.Error()
		s.Next = now.Add(min(firstRetry<<min(s.failed, 10), askEvery))
		s.failed++
	}
}
