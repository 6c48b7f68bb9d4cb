// Package subid reads, allocates and writes subordinate ids: the ranges of
// uids and gids that /etc/subuid and /etc/subgid (subuid(5)) give to users, and
// that dockerd's userns-remap maps containers to.
//
// What it allocates overlaps no range of anybody, no account and no group, and
// lies within login.defs(5). It locks both files as the shadow tools do
// (useradd, usermod), writes them in one step, and keeps a copy of the file of
// before beside it, as they do (/etc/subuid-). It never changes a line that it
// was not told to.
package subid

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Range is one line of a file.
type Range struct {
	Owner string // a user name, or a uid in decimal
	Start uint32 // the first id
	Count uint32 // how many
}

// end is the id after the last one.
func (r Range) end() uint64 { return uint64(r.Start) + uint64(r.Count) }

func (r Range) overlaps(other Range) bool {
	return r.Count > 0 && other.Count > 0 && uint64(r.Start) < other.end() && uint64(other.Start) < r.end()
}

// String is r as a line, without its end.
func (r Range) String() string { return fmt.Sprintf("%s:%d:%d", r.Owner, r.Start, r.Count) }

// Account is a user. Lines are its by name or by uid, as dockerd and the shadow
// tools read them.
type Account struct {
	Name string
	UID  uint32
}

func (a Account) owns(r Range) bool {
	return r.Owner == a.Name || r.Owner == strconv.FormatUint(uint64(a.UID), 10)
}

// LineError is a line that cannot be read: nobody can tell what it takes.
type LineError struct {
	Path string
	Line int // from 1
	Text string
}

func (e *LineError) Error() string {
	return fmt.Sprintf("%s:%d: %q is not OWNER:FIRST:COUNT (subuid(5))", e.Path, e.Line, e.Text)
}

// Parse reads the text of the file at path, which is only named in errors. A
// line that is not understood is a *LineError.
func Parse(path, text string) ([]Range, error) {
	var ranges []Range
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, ":")
		if len(fields) != 3 || fields[0] == "" {
			return nil, &LineError{path, number, line}
		}
		start, serr := strconv.ParseUint(fields[1], 10, 32)
		count, cerr := strconv.ParseUint(fields[2], 10, 32)
		if serr != nil || cerr != nil {
			return nil, &LineError{path, number, line}
		}
		ranges = append(ranges, Range{fields[0], uint32(start), uint32(count)})
	}
	return ranges, nil
}

// Of are the ranges of a, in the order of the file, which is the one that
// containers' ids are mapped in.
func Of(ranges []Range, a Account) []Range {
	return slices.DeleteFunc(slices.Clone(ranges), func(r Range) bool { return !a.owns(r) })
}

// Total is how many ids ranges have.
func Total(ranges []Range) uint64 {
	var n uint64
	for _, r := range ranges {
		n += uint64(r.Count)
	}
	return n
}

// Clash finds a range of a that another owner's, or another one of its own,
// overlaps.
func Clash(ranges []Range, a Account) (own, other Range, found bool) {
	for i, r := range ranges {
		if !a.owns(r) {
			continue
		}
		for k, o := range ranges {
			if i != k && r.overlaps(o) {
				return r, o, true
			}
		}
	}
	return Range{}, Range{}, false
}

// Append is text with one more line.
func Append(text string, r Range) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + r.String() + "\n"
}

// Drop is text without the lines that are r.
func Drop(text string, r Range) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if got, err := Parse("", line); err == nil && len(got) == 1 && got[0] == r {
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

// Limits are where ranges may lie, from login.defs(5).
type Limits struct {
	Min, Max uint32 // the first and the last id
}

// DefaultLimits are those of shadow where login.defs says nothing.
var DefaultLimits = Limits{100_000, 600_100_000}

// ParseLimits reads SUB_UID_MIN and SUB_UID_MAX, or those for GID, from the text
// of login.defs. What makes no sense is as if it were not there: the shadow
// tools take it so.
func ParseLimits(text, kind string) Limits {
	limits := DefaultLimits
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		value, err := strconv.ParseUint(fields[1], 0, 32)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "SUB_" + kind + "_MIN":
			limits.Min = uint32(value)
		case "SUB_" + kind + "_MAX":
			limits.Max = uint32(value)
		}
	}
	return limits
}

// within is what both allow.
func (l Limits) within(other Limits) Limits {
	return Limits{max(l.Min, other.Min), min(l.Max, other.Max)}
}

// Free finds count ids in a row that are in none of taken and within both
// limits: those from hint on if they are free, or else the first such ones.
func Free(taken []Range, uids, gids Limits, count, hint uint32) (start uint32, ok bool) {
	limits := uids.within(gids)
	fits := func(at uint64) bool {
		return at >= uint64(limits.Min) && at+uint64(count)-1 <= uint64(limits.Max)
	}
	wanted := Range{Start: hint, Count: count}
	if hint != 0 && fits(uint64(hint)) && !slices.ContainsFunc(taken, wanted.overlaps) {
		return hint, true
	}
	sorted := slices.SortedFunc(slices.Values(taken), func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	at := uint64(limits.Min)
	for _, r := range sorted {
		if at+uint64(count) <= uint64(r.Start) {
			break // before r there is room
		}
		if r.Count > 0 {
			at = max(at, r.end())
		}
	}
	return uint32(at), fits(at)
}
