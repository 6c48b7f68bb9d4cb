package daemonjson

import (
	"fmt"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"
)

// hunk is a run of lines of a diff.
type hunk struct {
	from, to int // the first line in each text, from 1
	lines    []udiff.Line
}

// counts returns how many lines of each text the hunk covers.
func (h hunk) counts() (from, to int) {
	for _, l := range h.lines {
		if l.Kind != udiff.Insert {
			from++
		}
		if l.Kind != udiff.Delete {
			to++
		}
	}
	return from, to
}

// grows returns how many more lines the second text has.
func (h hunk) grows() int {
	from, to := h.counts()
	return to - from
}

// each calls f for every line with its number in the text that it comes from:
// the first for deleted and equal lines.
func (h hunk) each(f func(i, number int)) {
	from, to := h.from, h.to
	for i, l := range h.lines {
		if l.Kind == udiff.Insert {
			f(i, to)
			to++
			continue
		}
		f(i, from)
		from++
		if l.Kind == udiff.Equal {
			to++
		}
	}
}

// without removes lines of context with a secret and splits the hunk there.
func (h hunk) without(old side) []hunk {
	var cuts []int
	h.each(func(i, number int) {
		if h.lines[i].Kind == udiff.Equal && len(old.secretsIn(number)) > 0 {
			cuts = append(cuts, i)
		}
	})
	if len(cuts) == 0 {
		return []hunk{h}
	}
	var parts []hunk
	begin := 0
	for _, cut := range append(cuts, len(h.lines)) {
		if part := h.slice(begin, cut); part.changes() {
			parts = append(parts, part.balanced())
		}
		begin = cut + 1
	}
	return parts
}

// slice returns the lines begin to end as a separate hunk.
func (h hunk) slice(begin, end int) hunk {
	from, to := hunk{lines: h.lines[:begin]}.counts()
	return hunk{from: h.from + from, to: h.to + to, lines: h.lines[begin:end]}
}

func (h hunk) changes() bool {
	lead, _ := h.context()
	return lead < len(h.lines)
}

// balanced gives the hunk as much context before the changes as after: to GNU
// patch, less before means "at the start of the file" and less after "at its
// end" (patch.c, locate_hunk).
func (h hunk) balanced() hunk {
	lead, trail := h.context()
	keep := min(lead, trail)
	return h.slice(lead-keep, len(h.lines)-trail+keep)
}

// context counts the lines before the first change and after the last.
func (h hunk) context() (lead, trail int) {
	for lead < len(h.lines) && h.lines[lead].Kind == udiff.Equal {
		lead++
	}
	for trail < len(h.lines)-lead && h.lines[len(h.lines)-1-trail].Kind == udiff.Equal {
		trail++
	}
	return lead, trail
}

// holdsSecret reports whether a changed line has a secret.
func (h hunk) holdsSecret(old, changed side) bool {
	found := false
	h.each(func(i, number int) {
		s := old
		if h.lines[i].Kind == udiff.Insert {
			s = changed
		}
		found = found || len(s.secretsIn(number)) > 0
	})
	return found
}

func (h hunk) write(b *strings.Builder, patchable bool, old, changed side) {
	from, to := h.counts()
	if patchable {
		fmt.Fprintf(b, "@@ -%s +%s @@\n", lineRange(h.from, from), lineRange(h.to, to))
	} else {
		fmt.Fprintf(b, "@@ line %d @@\n", h.from)
	}
	h.each(func(i, number int) {
		s, mark := old, " "
		switch h.lines[i].Kind {
		case udiff.Delete:
			mark = "-"
		case udiff.Insert:
			s, mark = changed, "+"
		}
		line := s.masked(number)
		b.WriteString(mark + line)
		if !strings.HasSuffix(line, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	})
}

// lineRange writes a range as diff does: an empty range has the number of the
// line before it.
func lineRange(first, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", first-1)
	case 1:
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d,%d", first, count)
}
