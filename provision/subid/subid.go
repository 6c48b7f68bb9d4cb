// Package subid guarantees that the subordinate ids that it allocates overlap
// no other range, no account and no group, and lie within the limits of
// login.defs(5).
//
// Subordinate ids are the ranges of uids and gids that /etc/subuid and
// /etc/subgid (subuid(5)) give to users, and to which dockerd's userns-remap
// maps containers. Like the shadow tools (useradd, usermod), it locks both
// files, writes each in one step, and keeps a copy of the previous one beside
// it (/etc/subuid-).
//
// It never changes a line that it was not told to change.
package subid

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Range is one line of /etc/subuid or /etc/subgid.
type Range struct {
	Owner string // a user name, or a uid in decimal
	Start uint32 // the first id
	Count uint32 // how many
}

// end returns the id after the last one.
func (r Range) end() uint64 { return uint64(r.Start) + uint64(r.Count) }

func (r Range) overlaps(other Range) bool {
	return r.Count > 0 && other.Count > 0 && uint64(r.Start) < other.end() && uint64(other.Start) < r.end()
}

// String returns r as a line, without a newline.
func (r Range) String() string { return fmt.Sprintf("%s:%d:%d", r.Owner, r.Start, r.Count) }

// Account is a user. A line belongs to it by name or by uid, as dockerd and the
// shadow tools read the files.
type Account struct {
	Name string
	UID  uint32
}

func (a Account) owns(r Range) bool {
	return r.Owner == a.Name || r.Owner == strconv.FormatUint(uint64(a.UID), 10)
}

// LineError is a line that does not parse, so the ids that it takes are
// unknown.
type LineError struct {
	Path string
	Line int // from 1
	Text string
}

func (e *LineError) Error() string {
	return fmt.Sprintf("%s:%d: %q is not OWNER:FIRST:COUNT (subuid(5))", e.Path, e.Line, e.Text)
}

// Parse reads the text of a file; path is only for errors. A line that does not
// parse is a *LineError.
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

// Of returns the ranges of a in the order of the file, which is also the order
// in which dockerd maps ids.
func Of(ranges []Range, a Account) []Range {
	return slices.DeleteFunc(slices.Clone(ranges), func(r Range) bool { return !a.owns(r) })
}

// Total returns the number of ids in ranges.
func Total(ranges []Range) uint64 {
	var n uint64
	for _, r := range ranges {
		n += uint64(r.Count)
	}
	return n
}

// Clash finds a range of a that overlaps another one, of any owner.
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

// Append returns text with the line r added.
func Append(text string, r Range) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + r.String() + "\n"
}

// Drop returns text without the lines equal to r.
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

// Limits are the ids that ranges may have, from login.defs(5).
type Limits struct {
	Min, Max uint32 // the first and the last id
}

// DefaultLimits are the limits of the shadow tools if login.defs has none.
var DefaultLimits = Limits{100_000, 600_100_000}

// ParseLimits reads SUB_UID_MIN and SUB_UID_MAX, or those for GID, from the
// text of login.defs. It ignores malformed values, as the shadow tools do.
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

// intersect returns the ids that both allow.
func (l Limits) intersect(other Limits) Limits {
	return Limits{max(l.Min, other.Min), min(l.Max, other.Max)}
}

// Free finds a range of count ids within both limits that overlaps none of
// taken: the one at hint if it is free, or else the first one.
func Free(taken []Range, uids, gids Limits, count, hint uint32) (start uint32, ok bool) {
	limits := uids.intersect(gids)
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
			break // there is room before r
		}
		if r.Count > 0 {
			at = max(at, r.end())
		}
	}
	return uint32(at), fits(at)
}
