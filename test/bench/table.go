package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A row is one line of the table: the measurements of one kind of work.
type row struct {
	work string
	unit unit
	this []float64 // in the unit's base: seconds or bytes
	peer []float64 // empty without a peer
	aim  aim
}

// A unit is the unit of a row's values.
type unit int

const (
	milliseconds unit = iota
	megabytes         // of 10^6 bytes
	times             // how often
)

// An aim is the most that a row should show.
type aim struct {
	of   aimOf
	most float64 // for a value: in the unit's base
}

// aimOf says what an aim limits.
type aimOf int

const (
	noAim   aimOf = iota // shown for information
	ofRatio              // this by peer
	ofValue              // this alone
)

// printTable prints the rows below a heading, values as "median (least–most)".
func printTable(w io.Writer, rows []row) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "work\tthis\tpeer\tratio\taim")
	for _, r := range rows {
		ratio := "-"
		if len(r.peer) > 0 && median(r.peer) > 0 {
			ratio = fmt.Sprintf("%.2f", r.ratio())
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.work, r.unit.values(r.this), r.unit.values(r.peer), ratio, r.verdict())
	}
	return table.Flush()
}

// ratio returns the median of this divided by that of the peer.
func (r row) ratio() float64 { return median(r.this) / median(r.peer) }

// verdict returns the aim of the row, and whether it was missed. It compares
// the measured values, not the rounded ones in the table.
func (r row) verdict() string {
	var text string
	var got float64
	switch r.aim.of {
	case ofRatio:
		text, got = "≤ "+ratioText(r.aim.most), r.ratio()
	case ofValue:
		text, got = "≤ "+r.unit.value(r.aim.most), median(r.this)
	default:
		return "-"
	}
	if got > r.aim.most {
		return text + ", missed"
	}
	return text
}

// ratioText has at least one digit after the point.
func ratioText(ratio float64) string {
	text := strconv.FormatFloat(ratio, 'g', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func (u unit) value(v float64) string {
	switch u {
	case megabytes:
		return fmt.Sprintf("%.1f MB", v/1e6)
	case times:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f ms", v*1e3)
}

// values shows the median and, for several values, their range.
func (u unit) values(all []float64) string {
	switch len(all) {
	case 0:
		return "-"
	case 1:
		return u.value(all[0])
	}
	return fmt.Sprintf("%s (%s – %s)", u.value(median(all)), u.value(slices.Min(all)), u.value(slices.Max(all)))
}

// median returns the middle of values, or the mean of the two in the middle.
// There must be at least one.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// percentile returns the least value that p percent of the values do not
// exceed.
func percentile(values []float64, p int) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max((len(sorted)*p+99)/100-1, 0)]
}
