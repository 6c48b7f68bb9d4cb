package download

import (
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 9, 14, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999999999999999": 0,
		"Mon, 14 Sep 2026 12:01:00 GMT": time.Minute, "Mon, 14 Sep 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}

func TestParseContentRange(t *testing.T) {
	tests := map[string]struct {
		first, size int64
		ok          bool
	}{
		"bytes 5-9/10": {5, 10, true}, "bytes 5-9/*": {5, -1, true}, "bytes 5-10/10": {5, 10, false}, "bytes 9-5/10": {9, 10, false},
		"bytes */10": {0, 0, false}, "": {0, 0, false}, "items 0-1/2": {0, 0, false}, "bytes 0-9999999999999999999/1": {0, 0, false},
	}
	for value, want := range tests {
		first, size, ok := parseContentRange(value)
		if first != want.first || size != want.size || ok != want.ok {
			t.Errorf("%q: got %d, %d, %v; want %+v", value, first, size, ok, want)
		}
	}
}
