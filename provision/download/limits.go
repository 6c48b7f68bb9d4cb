package download

import (
	"cmp"
	"time"
)

// Limits limit a download. A zero field means its default. The defaults suit real networks.
type Limits struct {
	Redirects     int           // 5
	Tries         int           // in a row with little progress; 5
	FirstPause    time.Duration // between tries, growing, with jitter; 500 ms
	LongestPause  time.Duration // 15 s
	RetryAfterMax time.Duration // longest wait a server may ask for; 2 min

	Connect time.Duration // TCP, and again TLS; 15 s
	Header  time.Duration // from the request to the answer's header; 30 s
	Total   time.Duration // for one file with all its tries; 30 min
	MinRate int64         // bytes per second over a Window; 4 KiB
	Window  time.Duration // 30 s
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Redirects:     cmp.Or(l.Redirects, 5),
		Tries:         cmp.Or(l.Tries, 5),
		FirstPause:    cmp.Or(l.FirstPause, 500*time.Millisecond),
		LongestPause:  cmp.Or(l.LongestPause, 15*time.Second),
		RetryAfterMax: cmp.Or(l.RetryAfterMax, 2*time.Minute),
		Connect:       cmp.Or(l.Connect, 15*time.Second),
		Header:        cmp.Or(l.Header, 30*time.Second),
		Total:         cmp.Or(l.Total, 30*time.Minute),
		MinRate:       cmp.Or(l.MinRate, 4<<10),
		Window:        cmp.Or(l.Window, 30*time.Second),
	}
}
