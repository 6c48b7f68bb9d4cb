package session

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"runsc-provisioner/test/pages"
)

// A Span is text in one style.
type Span struct {
	Text string
	Bold bool
	// Color is the code of the color: 31 red, 32 green, 33 yellow, 2 faint; 0 is none.
	Color int
}

// escape matches the control sequences that the program prints: attributes, and the erasing of a line.
var escape = regexp.MustCompile("\x1b\\[([0-9;?]*)([A-Za-z])")

// Lines are the lines that a terminal shows of a session, wrapped at width, without what only a lab
// host prints.
func Lines(session string, width int) [][]Span {
	var lines [][]Span
	for _, line := range pages.Clean(session) {
		lines = append(lines, wrap(spans(line), width)...)
	}
	return lines
}

// spans splits a line by its control sequences.
func spans(line string) []Span {
	var found []Span
	var style Span
	add := func(text string) {
		if text != "" {
			style.Text = text
			found = append(found, style)
		}
	}
	for {
		at := escape.FindStringSubmatchIndex(line)
		text, rest := line, ""
		if at != nil {
			text, rest = line[:at[0]], line[at[1]:]
		}
		if start := strings.LastIndex(text, "\r"); start >= 0 {
			found, text = nil, text[start+1:] // a progress bar that was drawn again
		}
		add(text)
		if at == nil {
			return found
		}
		switch kind, codes := line[at[4]:at[5]], line[at[2]:at[3]]; kind {
		case "K": // what the line had is erased
			found = nil
		case "m":
			style = styleOf(codes)
		}
		line = rest
	}
}

func styleOf(codes string) Span {
	var s Span
	for code := range strings.SplitSeq(codes, ";") {
		switch code {
		case "1":
			s.Bold = true
		case "2":
			s.Color = 2
		case "31":
			s.Color = 31
		case "32":
			s.Color = 32
		case "33":
			s.Color = 33
		}
	}
	return s
}

// hanging matches what stands before the last column of a line: the rest is wrapped below itself.
var hanging = regexp.MustCompile(`^( *\d+ +\w+ +|✓ \w+ +|[\w.]+(?: \w+)? {2,}(?:ok|host kernel|sandboxed) +)`)

// wrap breaks a line at blanks.
func wrap(line []Span, width int) [][]Span {
	plain := ""
	for _, s := range line {
		plain += s.Text
	}
	indent := utf8.RuneCountInString(hanging.FindString(plain))
	var lines [][]Span
	var current []Span
	used := 0
	for _, s := range line {
		for _, word := range strings.SplitAfter(s.Text, " ") {
			n := utf8.RuneCountInString(word)
			if used+utf8.RuneCountInString(strings.TrimRight(word, " ")) > width && used > indent {
				lines = append(lines, current)
				current, used = []Span{{Text: strings.Repeat(" ", indent)}}, indent
			}
			if last := len(current) - 1; last >= 0 && current[last].Bold == s.Bold && current[last].Color == s.Color {
				current[last].Text += word
			} else {
				current = append(current, Span{word, s.Bold, s.Color})
			}
			used += n
		}
	}
	return append(lines, current)
}
