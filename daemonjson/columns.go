package daemonjson

import (
	"slices"
	"strings"
)

// columns says how the values of an object are aligned. The zero value is not aligned.
type columns struct {
	aligned bool
	value   int  // the column of the values, from the start of the line; 0 if the object shows none
	tab     int  // the columns from one tab stop to the next; 0 if blanks align the values
	padded  bool // the blanks are before the colon, not after it
	blocks  bool // values over several lines are aligned, too
}

// member writes a member of an object, on a line indented by indent. A key that is too long for the column
// has its value further right.
func (f form) member(indent, key, value string) string {
	c, name, blanks := f.columns, quote(key), ""
	end := width(indent+name+f.colon, c.tab)
	switch {
	case !f.lines || end >= c.value || !c.blocks && strings.Contains(value, "\n"):
	case c.tab > 0:
		blanks = strings.Repeat("\t", (c.value-end+c.tab-1)/c.tab)
	default:
		blanks = strings.Repeat(" ", c.value-end)
	}
	if c.padded {
		return name + blanks + f.colon + value
	}
	return name + f.colon + blanks + value
}

// width returns how many columns a text takes from the start of a line. A tab of no width counts as one.
func width(text string, tab int) int {
	columns := 0
	for _, r := range text {
		if columns++; r == '\t' && tab > 0 {
			columns = (columns + tab - 1) / tab * tab
		}
	}
	return columns
}

// inside returns f as a model for the objects inside: they have columns of their own.
func (f form) inside() form {
	f.columns.value = 0
	if f.columns.tab > 0 {
		f.columns = columns{}
	}
	return f
}

// aligning returns f for an object with new members of these keys, unless a model has shown a column.
func (f form) aligning(indent string, keys ...string) form {
	if f.columns.aligned && f.columns.value == 0 {
		for _, key := range keys {
			f.columns.value = max(f.columns.value, width(indent+quote(key)+f.colon, 0))
		}
	}
	return f
}

// A keyed is a member with its value on the line of its key.
type keyed struct {
	name  string // with the white space before it and its quotes
	gap   string // from the name to the value
	block bool   // the value has several lines
}

func (k keyed) value(tab int) int { return width(k.name+k.gap, tab) }

// keysOf returns f with the colon and the columns that the members of n show.
func (f form) keysOf(text string, n node) form {
	var all []keyed
	gaps := map[string]int{}
	for _, kid := range n.kids {
		gap := text[kid.keyEnd:kid.start]
		if strings.Contains(gap, "\n") {
			continue
		}
		lead := lastLine(spaceBefore(text, kid.begin))
		if f.lines && lead == "" {
			continue // behind another member
		}
		name := strings.TrimLeft(lead, "\r\n") + text[kid.begin:kid.keyEnd]
		all = append(all, keyed{name, gap, strings.Contains(text[kid.start:kid.end], "\n")})
		gaps[gap]++
	}
	for i, k := range all {
		if more := gaps[k.gap] - gaps[f.colon]; i == 0 || more > 0 || more == 0 && len(k.gap) < len(f.colon) {
			f.colon = k.gap
		}
	}
	f.columns.value = 0
	if !f.lines || !areVaried(all) {
		return f
	}
	f.columns = columns{}
	for _, tab := range []int{8, 4} {
		if row := rowOf(all, tab); row != nil {
			return f.aligned(row, tab)
		}
	}
	return f
}

func areVaried(all []keyed) bool {
	return slices.ContainsFunc(all, func(k keyed) bool { return len(k.name) != len(all[0].name) })
}

// rowOf returns the members with their values in one column, if these are most of all and their keys differ
// in length.
func rowOf(all []keyed, tab int) []keyed {
	rows := map[int][]keyed{}
	for _, k := range all {
		row := append(rows[k.value(tab)], k)
		rows[k.value(tab)] = row
	}
	for _, row := range rows {
		if 2*len(row) > len(all) && areVaried(row) {
			return row
		}
	}
	return nil
}

// aligned returns f with the columns and the shortest colon of a row.
func (f form) aligned(row []keyed, tab int) form {
	colonColumn := func(k keyed) int { return width(k.name+k.gap[:strings.IndexByte(k.gap, ':')], tab) }
	f.columns = columns{
		aligned: true, value: row[0].value(tab),
		padded: !slices.ContainsFunc(row, func(k keyed) bool { return colonColumn(k) != colonColumn(row[0]) }),
		blocks: slices.ContainsFunc(row, func(k keyed) bool { return k.block }),
	}
	shortest := slices.MinFunc(row, func(a, b keyed) int { return len(a.gap) - len(b.gap) }).gap
	before, after, _ := strings.Cut(shortest, ":")
	f.colon = before[:min(1, len(before))] + ":" + after[:min(1, len(after))]
	if strings.Contains(shortest, "\t") {
		f.columns.tab = tab
	}
	return f
}
