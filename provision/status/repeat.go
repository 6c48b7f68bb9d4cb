package status

import "time"

const (
	// maxInARow is how often the same notice is told before it is told less often.
	maxInARow = 5
	// It is then told again after firstQuiet. The wait doubles each time, up to
	// lastQuiet.
	firstQuiet = time.Minute
	lastQuiet  = time.Hour
	// maxSaid is how many different notices are remembered.
	maxSaid = 1024
)

// Repeats limits how often the same notice is told. The caller gives it the time.
type Repeats struct{ said map[string]*repeat }

type repeat struct {
	times  int // told in a row
	unsaid int // suppressed since it was last told
	last   time.Time
	quiet  time.Duration
}

// ShouldTell reports whether to tell a notice now, and how often it was suppressed
// since it was last told.
func (r *Repeats) ShouldTell(now time.Time, what string) (tell bool, unsaid int) {
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

// drop forgets the notice that was told longest ago.
func (r *Repeats) drop() {
	var oldest string
	for what, s := range r.said {
		if oldest == "" || s.last.Before(r.said[oldest].last) {
			oldest = what
		}
	}
	delete(r.said, oldest)
}
