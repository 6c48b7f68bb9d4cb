package hostsfile

import (
	"cmp"
	"slices"
	"strings"
)

// Edit is a change of a file in place: first Append, in one write to its end, then each Overwrite.
type Edit struct {
	Append    string
	Overwrite []Overwrite
}

// Overwrite replaces bytes of a file by as many others.
type Overwrite struct {
	Offset int64
	Text   string
}

// IsEmpty reports whether there is nothing to do.
func (e Edit) IsEmpty() bool { return e.Append == "" && len(e.Overwrite) == 0 }

// Maintain returns the edit that makes want, made by Lines, the lines of ours in the text of a hosts file. Lines of
// others stay as they are. A line of ours without a purpose becomes a comment that the next edit can use.
func Maintain(text string, want []string) Edit {
	missing := slices.Clone(want)
	var free []span
	for _, l := range splitLines(text) {
		if !l.ours {
			continue
		}
		if i := slices.Index(missing, l.text); i >= 0 {
			missing = slices.Delete(missing, i, i+1)
			continue
		}
		if n := len(free); n > 0 && free[n-1].end() == l.offset {
			free[n-1].old += l.text
			continue
		}
		free = append(free, span{offset: l.offset, old: l.text})
	}
	// The longest first: they fit into the fewest places.
	slices.SortStableFunc(missing, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var edit Edit
	for _, line := range missing {
		i := slices.IndexFunc(free, func(s span) bool { return s.fits(line) })
		if i < 0 {
			edit.Append += line
			continue
		}
		free[i].text += line
	}
	for _, s := range free {
		if text := s.text + filler(len(s.old)-len(s.text)); text != s.old {
			edit.Overwrite = append(edit.Overwrite, Overwrite{Offset: int64(s.offset), Text: text})
		}
	}
	return edit
}

// span is a run of lines of ours that can be replaced.
type span struct {
	offset int
	old    string
	text   string // what its beginning becomes
}

func (s span) end() int { return s.offset + len(s.old) }

// fits reports whether line has room in the rest of s, and leaves room for a filler or nothing.
func (s span) fits(line string) bool {
	rest := len(s.old) - len(s.text) - len(line)
	return rest == 0 || rest >= len(Mark)+1
}

// filler is a comment of n bytes, in lines that are not too long; n is 0 or has room for Mark and a newline.
func filler(n int) string {
	var text strings.Builder
	for n > 0 {
		size := n
		if n > maxLine {
			size = maxLine / 2 // what is left has room for another one
		}
		text.WriteString(strings.Repeat("#", size-len(Mark)-1) + Mark + "\n")
		n -= size
	}
	return text.String()
}

// Retire returns the edit that takes the lines of ours out of the text of a hosts file that want does not have. It adds none.
func Retire(text string, want []string) Edit {
	var kept []string
	for _, l := range splitLines(text) {
		if l.ours && slices.Contains(want, l.text) && !slices.Contains(kept, l.text) {
			kept = append(kept, l.text)
		}
	}
	return Maintain(text, kept)
}

// Tail is the end of a file that has to change: the bytes from Offset on become Text.
type Tail struct {
	Offset int64
	Text   string
}

// Clear returns what takes the lines of ours out of the text of a hosts file. It returns false if there is none.
func Clear(text string) (Tail, bool) {
	var rest strings.Builder
	first := -1
	for _, l := range splitLines(text) {
		if l.ours && first < 0 {
			first = l.offset
		}
		if !l.ours && first >= 0 {
			rest.WriteString(l.text)
		}
	}
	if first < 0 {
		return Tail{}, false
	}
	return Tail{Offset: int64(first), Text: rest.String()}, true
}

// line is a line with its newline, except perhaps the last.
type line struct {
	offset int
	text   string
	ours   bool
}

func splitLines(text string) (lines []line) {
	offset := 0
	for part := range strings.Lines(text) {
		lines = append(lines, line{offset, part, strings.HasSuffix(part, Mark+"\n")})
		offset += len(part)
	}
	return lines
}
