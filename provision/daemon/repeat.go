package daemon

import "time"

const (
	// maxInARow is how often the same thing is said before it is said more seldom.
	maxInARow = 5
	// After that it is said after firstQuiet, and then after twice as long each
	// time, up to lastQuiet.
	firstQuiet = time.Minute
	lastQuiet  = time.Hour
	// maxSaid is how many different things are remembered.
	maxSaid = 1024
)

// repeats bounds how often the same thing is said. It is a value: the time is
// told to it.
type repeats struct{ said map[string]*repeat }

type repeat struct {
	times  int // said in a row
	unsaid int // since it was said last
	last   time.Time
	quiet  time.Duration
}

// shouldTell reports whether to say a thing now, and how often it was not said since it
// was said last.
func (r *repeats) shouldTell(now time.Time, what string) (aloud bool, unsaid int) {
	if r.said == nil {
		r.said = map[string]*repeat{}
	}
	s := r.said[what]
	if s == nil || now.Sub(s.last) > 2*lastQuiet {
		if len(r.said) >= maxSaid {
			r.drop()
		}
		r.said[what] = &repeat{times: 1, last: now, quiet: firstQuiet}
		return true, 0
	}
	if s.times >= maxInARow && now.Sub(s.last) < s.quiet {
		s.unsaid++
		return false, 0
	}
	if s.times >= maxInARow {
		s.quiet = min(2*s.quiet, lastQuiet)
	}
	unsaid = s.unsaid
	s.times, s.unsaid, s.last = s.times+1, 0, now
	return true, unsaid
}

// drop forgets what was said the longest ago.
func (r *repeats) drop() {
	var oldest string
	for what, s := range r.said {
		if oldest == "" || s.last.Before(r.said[oldest].last) {
			oldest = what
		}
	}
	delete(r.said, oldest)
}
