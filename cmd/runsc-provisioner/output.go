package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"

	"runsc-provisioner/provision/redact"
)

// console is where a command prints.
type console struct {
	stdout   io.Writer
	stderr   io.Writer
	terminal bool // stderr is a terminal
	color    bool // stdout is a terminal and NO_COLOR is not set
	// columns and errColumns are the widths of standard output and standard error, 0 if lines
	// are not wrapped. nil is 0.
	columns    func() int
	errColumns func() int
}

func hostConsole() console {
	return console{
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		terminal: term.IsTerminal(int(os.Stderr.Fd())),
		color:    term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == "",
		columns:  terminalWidth(os.Stdout), errColumns: terminalWidth(os.Stderr),
	}
}

// printable makes text from outside safe for a terminal, a journal line or a
// table. Control and format characters become Go escapes. It hides the passwords of URLs.
func printable(s string) string {
	s = redact.URLs(s)
	if !strings.ContainsFunc(s, unsafeRune) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unsafeRune(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unsafeRune also finds U+FFFD, which stands for bytes that are not UTF-8.
func unsafeRune(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }

// style wraps text in an ANSI attribute if the output is a terminal.
func (to *console) style(attribute, text string) string {
	if !to.color {
		return text
	}
	return "\x1b[" + attribute + "m" + text + "\x1b[0m"
}

const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	faint  = "2"
)

// printf prints whole lines, and wraps them on a terminal.
func (to *console) printf(format string, args ...any) {
	_, _ = io.WriteString(to.stdout, wrapLines(fmt.Sprintf(format, args...), columnsOf(to.columns))) // output keeps its error
}

// printRaw prints text as it is, for programs to read.
func (to *console) printRaw(text string) { _, _ = io.WriteString(to.stdout, text) }

// complain prints whole lines on standard error, and wraps them on a terminal.
func (to *console) complain(format string, args ...any) {
	_, _ = io.WriteString(to.stderr, wrapLines(fmt.Sprintf(format, args...), columnsOf(to.errColumns)))
}

// printJSON prints v indented, as one document. It hides the passwords of URLs.
func printJSON(w io.Writer, v any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, redact.URLs(text.String()))
	return err
}

// logWriter hides the passwords of URLs in a log of JSON, which arrives in whole lines.
type logWriter struct{ w io.Writer }

func (l logWriter) Write(line []byte) (int, error) {
	if _, err := io.WriteString(l.w, redact.URLs(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}

// durationText formats a duration for people.
func durationText(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// formatFlag is a --format with a fixed list of values.
type formatFlag struct {
	value   string
	allowed []string
}

func (f *formatFlag) String() string { return f.value }
func (f *formatFlag) Type() string   { return strings.Join(f.allowed, ", ") }

func (f *formatFlag) Set(s string) error {
	for _, word := range f.allowed {
		if s == word {
			f.value = s
			return nil
		}
	}
	return fmt.Errorf("want one of %s", strings.Join(f.allowed, ", "))
}
