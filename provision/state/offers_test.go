package state

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestFirstOffered(t *testing.T) {
	d := Dir(t.TempDir())
	begin := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	first := func(sum string, now, want time.Time) {
		t.Helper()
		if got, err := d.FirstOffered(sum, now); err != nil || !got.Equal(want) {
			t.Errorf("%s at %s: got %s, %v, want %s", sum, now, got, err, want)
		}
	}
	first("a", begin, begin)
	first("a", begin.Add(time.Hour), begin)
	first("b", begin.Add(time.Hour), begin.Add(time.Hour))
	first("a", begin.Add(-time.Hour), begin.Add(-time.Hour)) // the clock was wrong before
	first("a", begin, begin.Add(-time.Hour))
	for i := range maxSeenCount {
		first(fmt.Sprint(i), begin.AddDate(0, 0, i+1), begin.AddDate(0, 0, i+1))
	}
	first("99", begin.AddDate(1, 0, 0), begin.AddDate(0, 0, 100))
	first("b", begin.AddDate(1, 0, 0), begin.AddDate(1, 0, 0)) // it was the oldest
	for name, text := range map[string]string{"damaged": "{", "of another version": `{"schema_version":2}`} {
		if err := os.WriteFile(d.offersPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := d.FirstOffered("a", begin); err == nil {
			t.Errorf("%s: got %s", name, got)
		}
		if defects := d.Defects(); len(defects) != 1 {
			t.Errorf("%s: got defects %v, want one, so that the next run moves it away", name, defects)
		}
	}
}
