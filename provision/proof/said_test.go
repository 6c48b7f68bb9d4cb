package proof

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSaid(t *testing.T) {
	usage := "Usage: runsc <flags> <subcommand> <subcommand args>\n\nSubcommands:\n" + strings.Repeat("\tflag\n", 60)
	lines := strings.Repeat("a\n", 30) + "last\n"
	for _, test := range []struct {
		name, output string
		inDocker     bool
		want         []string
	}{
		{name: "nothing"},
		{name: "an unknown flag", output: "flag provided but not defined: -no-such\n" + usage, want: []string{"flag provided but not defined: -no-such"}},
		{name: "after a warning", output: "WARNING: old\n\nflag provided but not defined: -x\n" + usage, want: []string{"flag provided but not defined: -x"}},
		{name: "another error", output: "one\n\ntwo\r\n", want: []string{"one", "two"}},
		{name: "another error, and the flags", output: "one\n" + usage, want: []string{"one"}},
		{name: "much output", output: lines, want: append(strings.Split(strings.TrimSpace(strings.Repeat("a\n", 19)), "\n"), "last")},
		{name: "a container's own output", output: "flag provided but not defined: -x\nmore\n", inDocker: true, want: []string{"flag provided but not defined: -x", "more"}},
	} {
		got := (&Failed{Output: test.output, InDocker: test.inDocker}).Said()
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
