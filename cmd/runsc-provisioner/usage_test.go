package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// helpOf is what a command prints for --help without a terminal.
func helpOf(t *testing.T, path string) string {
	t.Helper()
	var out bytes.Buffer
	a := &app{console: console{stdout: &out, stderr: &out}}
	if code := run(t.Context(), a, append(strings.Fields(path)[1:], "--help")); code != exitDone {
		t.Fatalf("%s --help: exit %d: %s", path, code, out.String())
	}
	return out.String()
}

// walk calls f for root and each command below it that --help shows.
func walk(root *cobra.Command, f func(*cobra.Command)) {
	f(root)
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			walk(cmd, f)
		}
	}
}

func TestHelp_FitsEightyColumns(t *testing.T) {
	walk(newRoot(&app{}), func(cmd *cobra.Command) {
		for i, line := range strings.Split(helpOf(t, cmd.CommandPath()), "\n") {
			if n := utf8.RuneCountInString(line); n > helpWidth {
				t.Errorf("%s --help, line %d has %d columns:\n%s", cmd.CommandPath(), i+1, n, line)
			}
		}
	})
}

// What has its own breaks, such as examples, fits without further ones.
func TestHelp_ExamplesAreNotBroken(t *testing.T) {
	walk(newRoot(&app{}), func(cmd *cobra.Command) {
		for _, p := range append(paragraphsOf(cmd.Long), " "+cmd.Example) {
			if isLiteral(p) && wrapLines(p, helpWidth) != p {
				t.Errorf("%s has lines of more than %d columns:\n%s", cmd.CommandPath(), helpWidth, p)
			}
		}
	})
}

func TestFill_BreaksParagraphsAgainAndLeavesExamples(t *testing.T) {
	const text = "one two\nthree four five\n\n  an example  of\n  two lines"
	for width, want := range map[int]string{
		200: "one two three four five\n\n  an example  of\n  two lines",
		20:  "one two three four\nfive\n\n  an example  of\n  two lines",
	} {
		if got := fill(text, width); got != want {
			t.Errorf("width %d: got\n%s\nwant\n%s", width, got, want)
		}
	}
}
