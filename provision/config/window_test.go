package config

import (
	"testing"
	"time"
)

func TestWindow_Contains(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse("Mon 2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, test := range []struct {
		window string
		at     string
		want   bool
	}{
		{"", "Sun 2026-11-29 12:00", true},
		{"02:00-05:00", "Sun 2026-11-29 01:59", false},
		{"02:00-05:00", "Sun 2026-11-29 02:00", true},
		{"02:00-05:00", "Sun 2026-11-29 04:59", true},
		{"02:00-05:00", "Sun 2026-11-29 05:00", false},
		{"22:00-06:00", "Sun 2026-11-29 23:59", true},
		{"22:00-06:00", "Mon 2026-11-30 05:59", true},
		{"22:00-06:00", "Mon 2026-11-30 06:00", false},
		{"00:00-00:00", "Mon 2026-11-30 13:00", true},
		{"Sat,Sun 22:00-06:00", "Sat 2026-11-28 05:00", false},
		{"Sat,Sun 22:00-06:00", "Sat 2026-11-28 22:00", true},
		{"Sat,Sun 22:00-06:00", "Mon 2026-11-30 05:00", true},
		{"Sat,Sun 22:00-06:00", "Mon 2026-11-30 22:00", false},
		{"mon-fri 01:00-03:00", "Fri 2026-11-27 01:00", true},
		{"mon-fri 01:00-03:00", "Sun 2026-11-29 01:00", false},
		{"Fri-Mon 01:00-03:00", "Sun 2026-11-29 01:00", true},
		{"Fri-Mon 01:00-03:00", "Tue 2026-12-01 01:00", false},
	} {
		var w Window
		if err := w.UnmarshalText([]byte(test.window)); err != nil {
			t.Fatal(err)
		}
		if got := w.Contains(at(test.at)); got != test.want {
			t.Errorf("%q at %s: got %v, want %v", test.window, test.at, got, test.want)
		}
	}
}

func TestWindow_RefusesOtherText(t *testing.T) {
	for _, text := range []string{" ", "always", "02:00", "2-5", "02:00-25:00", "24:00-01:00", "Sat 02:00", "Sat, Sun 02:00-03:00", "Sat,Sun", "Someday 02:00-03:00", "Sat- 02:00-03:00", "Sat 02:00-03:00 UTC", "02:00-03:00\n"} {
		var w Window
		if err := w.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
