package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrapLines(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"short", "a line\n", "a line\n"},
		{"empty lines stay", "\n\na\n", "\n\na\n"},
		{"without an end", "a line", "a line"},
		{"below the label", "error: one two three four five six seven\n", "error: one two three four five\n       six seven\n"},
		{"a step", "✓ prove    one two three four five six\n", "✓ prove    one two three four\n           five six\n"},
		{"colours take no room", "\x1b[33mnote:\x1b[0m one two three four five six s\n", "\x1b[33mnote:\x1b[0m one two three four five\n      six s\n"},
		{"an indented finding", "    → one two three four five six seven\n", "    → one two three four five\n      six seven\n"},
		{"plain text", "one two three four five six seven\n", "one two three four five six\n  seven\n"},
		{"a long word stays whole", "hint: /a/path/that/is/longer/than/the/terminal/is x\n", "hint: /a/path/that/is/longer/than/the/terminal/is\n      x\n"},
		{"exactly the width", strings.Repeat("x", 30) + "\n", strings.Repeat("x", 30) + "\n"},
	} {
		if diff := cmp.Diff(test.want, wrapLines(test.text, 30)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if got := wrapLines(test.text, 0); got != test.text {
			t.Errorf("%s, not a terminal: got %q, want %q", test.name, got, test.text)
		}
	}
}

func TestTableWrapsItsLastColumn(t *testing.T) {
	print := func(width int) string {
		var out bytes.Buffer
		table := (&console{stdout: &out, columns: func() int { return width }}).newTable()
		table.row("NAME", "SEEN")
		table.row("release", "one two three four five six seven")
		table.row("x", "one")
		if err := table.flush(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	wide := "NAME     SEEN\nrelease  one two three four five six seven\nx        one\n"
	if diff := cmp.Diff(wide, print(0)); diff != "" {
		t.Errorf("not a terminal (-want +got):\n%s", diff)
	}
	narrow := "NAME     SEEN\nrelease  one two three four five\n         six seven\nx        one\n"
	if diff := cmp.Diff(narrow, print(33)); diff != "" {
		t.Errorf("narrow (-want +got):\n%s", diff)
	}
}
