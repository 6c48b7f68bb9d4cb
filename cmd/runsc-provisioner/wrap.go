package main

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"golang.org/x/term"
)

// terminalWidth returns a function that gives the width of f in columns, 0 if f is not a
// terminal. COLUMNS overrides what the terminal says, as in ls(1), git and systemctl.
func terminalWidth(f *os.File) func() int {
	if !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func() int {
		if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
			return columns
		}
		columns, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return columns
	}
}

const (
	// minWidth is the least width, in columns, at which lines are wrapped.
	minWidth = 20
	// minText is the least room for text beside a hanging indent.
	minText = 18
	// smallIndent is the indent where there is no room for a hanging one.
	smallIndent = 4
)

// wrapLines wraps each line of text at width, with a hanging indent. A width of 0 wraps
// nothing.
func wrapLines(text string, width int) string {
	if width < minWidth {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		body, end := strings.CutSuffix(line, "\n")
		b.WriteString(wrapLine(body, hangingIndent(body), width))
		if end {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// fill breaks the paragraphs of text again, at width or at 80 columns if that is less. Lines
// that begin with a blank, such as examples, keep their breaks.
func fill(text string, width int) string {
	paragraphs := paragraphsOf(text)
	for i, p := range paragraphs {
		if isLiteral(p) {
			paragraphs[i] = wrapLines(p, width)
			continue
		}
		paragraphs[i] = wrapLine(strings.ReplaceAll(p, "\n", " "), 0, min(width, helpWidth))
	}
	return strings.Join(paragraphs, "\n\n")
}

// paragraphsOf are the paragraphs of text, which blank lines part.
func paragraphsOf(text string) []string { return strings.Split(text, "\n\n") }

// isLiteral reports whether a paragraph has a line that begins with a blank.
func isLiteral(paragraph string) bool {
	return strings.HasPrefix(paragraph, " ") || strings.Contains(paragraph, "\n ")
}

// label begins a line whose text goes on below itself: "error: ", "  warning: ", "✓ prove    ".
var label = regexp.MustCompile(`^ *(?:→ |[✓✗!] (?:[a-z]+ +)?|[a-z]{3,9}: | *[0-9]+  [a-z]+ +)`)

// hangingIndent is the column below which the text of a line goes on.
func hangingIndent(line string) int {
	plain := escapes.ReplaceAllString(line, "")
	if found := label.FindString(plain); found != "" {
		return utf8.RuneCountInString(found)
	}
	return len(plain) - len(strings.TrimLeft(plain, " ")) + 2
}

// escapes are the attributes of style. They take no room.
var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func visibleWidth(s string) int { return utf8.RuneCountInString(escapes.ReplaceAllString(s, "")) }

// wrapLine breaks a line at blanks. Later lines begin with indent blanks. A word that is too
// long stays whole, so that it can be copied.
func wrapLine(line string, indent, width int) string {
	if width < minWidth || visibleWidth(line) <= width {
		return line
	}
	if width-indent < minText {
		indent = smallIndent
	}
	var b strings.Builder
	rest, used := line, 0
	lead := len(line) - len(strings.TrimLeft(line, " "))
	for first := true; rest != ""; first = false {
		start := 0
		if first {
			start = lead
		}
		// A word, with the blanks before it.
		blanks := start + len(rest[start:]) - len(strings.TrimLeft(rest[start:], " "))
		end := blanks + strings.IndexByte(rest[blanks:]+" ", ' ')
		word := rest[:end]
		rest = rest[end:]
		if n := visibleWidth(word); used > 0 && used+n > width && used > indent {
			word = strings.TrimLeft(word, " ")
			b.WriteString("\n" + strings.Repeat(" ", indent))
			used = indent
		}
		b.WriteString(word)
		used += visibleWidth(word)
	}
	return b.String()
}

// table prints rows of cells. On a terminal, the last cell of a row is wrapped below itself.
type table struct {
	out  io.Writer
	cols func() int
	text bytes.Buffer
	rows *tabwriter.Writer
}

// newTable is a table on standard output.
func (to *console) newTable() *table {
	t := &table{out: to.stdout, cols: to.columns}
	t.rows = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	return t
}

// lastCell marks where the last cell begins. No printable text has it.
const lastCell = "\x1f"

// row adds a row. The cells must be printable.
func (t *table) row(cells ...string) {
	last := len(cells) - 1
	_, _ = io.WriteString(t.rows, strings.Join(cells[:last], "\t")+"\t"+lastCell+cells[last]+"\n") // to memory
}

// flush writes the rows so far. The columns of later rows are aligned on their own.
func (t *table) flush() error {
	if err := t.rows.Flush(); err != nil {
		return err
	}
	width := columnsOf(t.cols)
	var b strings.Builder
	for line := range strings.Lines(t.text.String()) {
		before, last, _ := strings.Cut(strings.TrimSuffix(line, "\n"), lastCell)
		b.WriteString(wrapLine(before+last, visibleWidth(before), width) + "\n")
	}
	t.text.Reset()
	_, err := io.WriteString(t.out, b.String())
	return err
}

func columnsOf(columns func() int) int {
	if columns == nil {
		return 0
	}
	return columns()
}
