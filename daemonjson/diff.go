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
	readingOnly = "# for reading only: values that may be secret are shown as ***, so this is not a patch\n"
)

// Diff returns a unified diff from before to after that `patch -p1 -d /`
// accepts for an absolute name, or "" if they are equal.
//
// It hides values that may be secret: every string and number except those of
// our own keys and of dockerd's options that hold no secrets. Of these it still
// hides what looks like a secret: user information, a setting such as
// --token=x, a key. It omits lines with a secret from the context. If a changed
// line has a secret, Diff shows "***" in its place, says in the first line that
// the diff is for reading only, and writes hunk headers that patch does not
// recognise. It hides a text that Parse refuses completely.
func Diff(name string, before, after []byte) string {
	return diff(label(name), newSide(string(before)), newSide(string(after)))
}

func diff(path string, old, changed side) string {
	// An error would mean that the edits do not fit their own text.
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

// label makes a name safe for the head of a diff: relative, because patch
// refuses others, without control characters, and with a final tab if it has a
// blank.
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

// Redacted returns the document's text without its secrets, as Diff shows it.
// It is for reading: it may no longer be valid JSON.
func (d Document) Redacted() string {
	s := newSide(d.text)
	var b strings.Builder
	for line := 1; line < len(s.starts); line++ {
		b.WriteString(s.masked(line))
	}
	return b.String()
}

// A side is one of the two texts, split into lines.
type side struct {
	text   string
	starts []int // of each line, and the end of the text
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
