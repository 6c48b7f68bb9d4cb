package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at is a moment some seconds after an arbitrary one.
func at(seconds int) time.Time { return time.Unix(1_800_000_000+int64(seconds), 0) }

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
