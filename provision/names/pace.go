package names

import "time"

const (
	// burst is how many writes to the files of one running container are looked at right away.
	burst = 60
	// refill is when another one is.
	refill = 100 * time.Millisecond
)

// pace limits the looks at the files of one container, which its own program can write to all the time.
type pace struct {
	used int
	at   time.Time // when the next one is free
}

// heard counts a write.
func (p *pace) heard() { p.used++ }

// ownEvents is how many events a change of ours makes at most.
const ownEvents = 4

// spare allows for a change of ours, which is heard as well.
func (p *pace) spare() { p.used = max(0, p.used-ownEvents) }

// mayLook reports whether the file may be looked at.
func (p *pace) mayLook(now time.Time) bool {
	if p.at.IsZero() {
		p.at = now
	}
	if free := int(now.Sub(p.at) / refill); free > 0 {
		p.used, p.at = max(0, p.used-free), now
	}
	return p.used <= burst
}
