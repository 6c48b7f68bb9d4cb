package config

import (
	"fmt"
	"strings"
	"time"
)

// Window is a part of each day, or of some days of the week, by the host's own time: "02:00-05:00",
// "Sat,Sun 22:00-06:00", "Mon-Fri 01:00-03:00". One that ends at or before its begin ends on the next day, which need
// not be in the list. The zero Window, "", is always.
type Window string

// weekdays are the names of days in a Window, by time.Weekday.
var weekdays = [7]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

const minutesOfDay = 24 * 60

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *Window) UnmarshalText(text []byte) error {
	*w = Window(text)
	if _, _, _, err := w.parse(); *w != "" && err != nil {
		return err
	}
	return nil
}

// parse returns the days of w, by time.Weekday, and its begin and end in minutes after midnight.
func (w Window) parse() (days [7]bool, begin, end int, err error) {
	refused := fmt.Errorf("%q is not a window such as \"02:00-05:00\" or \"Sat,Sun 22:00-06:00\"", string(w))
	list, hours, hasDays := strings.Cut(string(w), " ")
	if !hasDays {
		list, hours = "Sun-Sat", list
	}
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, last := weekday(from), weekday(to)
		if first < 0 || last < 0 {
			return days, 0, 0, refused
		}
		for day := first; ; day = (day + 1) % len(days) {
			days[day] = true
			if day == last {
				break
			}
		}
	}
	from, to, isRange := strings.Cut(hours, "-")
	opens, opensErr := time.Parse("15:04", from)
	closes, closesErr := time.Parse("15:04", to)
	if !isRange || opensErr != nil || closesErr != nil {
		return days, 0, 0, refused
	}
	begin, end = opens.Hour()*60+opens.Minute(), closes.Hour()*60+closes.Minute()
	if end <= begin {
		end += minutesOfDay
	}
	return days, begin, end, nil
}

// weekday is the day with a name; -1 if there is none.
func weekday(name string) int {
	for day, known := range weekdays {
		if strings.EqualFold(name, known) {
			return day
		}
	}
	return -1
}

// Contains reports whether t, in its own location, is in w.
func (w Window) Contains(t time.Time) bool {
	if w == "" {
		return true
	}
	days, begin, end, err := w.parse()
	minute, day := t.Hour()*60+t.Minute(), int(t.Weekday())
	yesterday := (day + len(days) - 1) % len(days)
	return err == nil && (days[day] && begin <= minute && minute < end || days[yesterday] && minute+minutesOfDay < end)
}
