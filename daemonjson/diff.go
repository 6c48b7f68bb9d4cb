package daemonjson

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"
)

const (
	mask        = `"***"`
	readingOnly = "# for reading only: values that may be secret are shown as ***, so this is no patch\n"
)

// Diff returns a unified diff from before to after that `patch -p1 -d /` takes for an absolute name, or "" where
// they are equal.
//
// Values that may be secret are hidden: every string and number but those of our own keys and of options of
// dockerd that are known to hold none, and of these what looks like one all the same: user information, a setting
// such as --token=x, a key. Lines that hold one are left out of the context. Where a line that changes holds one,
// its value is shown as "***"; the diff then says in its first line that it is for reading only, and its hunks are
// headed so that patch finds none in it. A text that Parse refuses is hidden whole.
func Diff(name string, before, after []byte) string {
	return diff(label(name), newSide(string(before)), newSide(string(after)))
}

func diff(path string, old, changed side) string {
	// An error would mean that edits do not fit the text they were made from.
	u, err := udiff.ToUnifiedDiff("", "", old.text, udiff.Lines(old.text, changed.text), udiff.DefaultContextLines)
	if err != nil {
		panic("daemonjson: diff: " + err.Error())
	}
	if len(u.Hunks) == 0 {
		return ""
	}
	var hunks []hunk
	shift := 0
	for _, h := range u.Hunks {
		whole := hunk{from: h.FromLine, to: h.FromLine + shift, lines: h.Lines}
		shift += whole.grows()
		hunks = append(hunks, whole.without(old)...)
	}
	var b strings.Builder
	patchable := !slices.ContainsFunc(hunks, func(h hunk) bool { return h.holdsSecret(old, changed) })
	if !patchable {
		b.WriteString(readingOnly)
	}
	fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n", path, path)
	for _, h := range hunks {
		h.write(&b, patchable, old, changed)
	}
	return b.String()
}

// label makes a name fit for the head of a diff: relative, as patch refuses others, without control characters,
// and ended by a tab where it has a blank.
func label(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.TrimLeft(name, "/"))
	if strings.Contains(name, " ") {
		name += "\t"
	}
	return name
}

// Redacted is the document's text without its secrets, as Diff shows it. It is
// for people: masked, it need not be JSON any more.
func (d Document) Redacted() string {
	s := newSide(d.text)
	var b strings.Builder
	for line := 1; line < len(s.starts); line++ {
		b.WriteString(s.masked(line))
	}
	return b.String()
}

// side is one of the two texts, by lines.
type side struct {
	text   string
	starts []int // of each line, and the text's end
	hidden []span
}

func newSide(text string) side { return sideOf(text, secrets(text)) }

func sideOf(text string, hidden []span) side {
	s := side{text: text, hidden: hidden}
	for start := 0; start < len(text); {
		s.starts = append(s.starts, start)
		i := strings.IndexByte(text[start:], '\n')
		if i < 0 {
			break
		}
		start += i + 1
	}
	s.starts = append(s.starts, len(text))
	return s
}

// secretsIn returns the hidden spans that touch a line, counted from 1.
func (s side) secretsIn(line int) []span {
	start, end := s.starts[line-1], s.starts[line]
	first := sort.Search(len(s.hidden), func(i int) bool { return s.hidden[i].end > start })
	last := first
	for last < len(s.hidden) && s.hidden[last].start < end {
		last++
	}
	return s.hidden[first:last]
}

// masked returns a line, with its line break, without its secrets.
func (s side) masked(line int) string {
	pos, end := s.starts[line-1], s.starts[line]
	body := strings.TrimRight(s.text[pos:end], "\r\n")
	stop := pos + len(body)
	var b strings.Builder
	for _, h := range s.secretsIn(line) {
		b.WriteString(s.text[pos:max(pos, h.start)] + mask)
		pos = min(h.end, stop)
	}
	b.WriteString(s.text[pos:end])
	return b.String()
}
