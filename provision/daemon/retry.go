package daemon

import "time"

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
