package pages

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = "# A page\n\n<!-- lab: touch /x -->\n<!-- until: test -e /x -->\n```console\n$ cat >f <<'EOF'\n$ not a command\nEOF\n" +
	"$ cat f\n$ not a command\n\n$ echo a \\\n  b\na b\n```\nsee [x](y.md#z) and `[no](link)`\n```text\nno\n```\n"

func TestParse_CommandsWithHereDocumentsAndContinuations(t *testing.T) {
	page, err := Parse("sample", sample)
	if err != nil {
		t.Fatal(err)
	}
	got, err := page.Blocks[0].Commands()
	want := []Command{
		{Line: 6, Lines: 3, Text: "cat >f <<'EOF'\n$ not a command\nEOF"},
		{Line: 9, Lines: 1, Text: "cat f"},
		{Line: 10, Lines: 1, Text: "not a command", Output: []string{}},
		{Line: 12, Lines: 2, Text: "echo a \\\n  b", Output: []string{"a b"}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, diff (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]Hidden{{false, "touch /x"}, {true, "test -e /x"}}, page.Blocks[0].Before); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Link{{16, "y.md#z"}}, page.Links()); diff != "" {
		t.Error(diff)
	}
}

func TestParse_RefusesWhatNoTestWouldRun(t *testing.T) {
	for what, text := range map[string]string{
		"a block without an end":             "```console\n$ true\n",
		"a command for the lab and no block": "<!-- lab: true -->\n",
	} {
		if _, err := Parse(what, text); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	for what, text := range map[string]string{
		"output before a command":          "```console\nout\n```\n",
		"a here-document that goes on":     "```console\n$ cat <<EOF\n```\n",
		"a here-document with another end": "```console\n$ cat <<EOF\nEND\n```\n",
	} {
		page, err := Parse(what, text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := page.Blocks[0].Commands(); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, row := range []struct {
		shown, output string
		want          bool
	}{
		{"", "", true},
		{"", "x", false},
		{"x", "", false},
		{"a  b", "a b", true},
		{"took 4 ms", "took 1.2 s", true},
		{"took 4 ms", "took 4 apples", false},
		{"box  54c1b66b6691  runsc", "box 031eb6c5e07e runsc", true},
		{"box  54c1b66b6691  runsc", "box 031eb6c5e07e runc", false},
		{"26.1.5+dfsg1 runs", "20.10.24+dfsg1 runs", true},
		{"at 2026-11-30 12:00:00", "at 2027-01-01 00:00:00", true},
		{"…", "", true},
		{"…\nb", "a\na\nb", true},
		{"…\nb", "a\na\nc", false},
		{"a\n…", "a", true},
		{"a … c", "a b c", true},
		{"a … c", "a b d", false},
		{"a.c", "abc", false},
	} {
		if got := Matches(lines(row.shown), lines(row.output)); got != row.want {
			t.Errorf("%q shows %q: got %t, want %t", row.shown, row.output, got, row.want)
		}
	}
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func TestRewrite_ChangesOutputsOnly(t *testing.T) {
	page, err := Parse("sample", sample)
	if err != nil {
		t.Fatal(err)
	}
	commands, err := page.Blocks[0].Commands()
	if err != nil {
		t.Fatal(err)
	}
	got := Rewrite(sample, commands, map[int][]string{1: {"1", "2"}, 3: {"new"}})
	want := strings.Replace(strings.Replace(sample, "\na b\n", "\nnew\n", 1), "$ cat f\n", "$ cat f\n1\n2\n", 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestResults_OfAShellThatEndsEarly(t *testing.T) {
	got, err := Results("\x1ebegin 0\nout\n\x1eend 0 3\n\x1ebegin 1\nrest", 2)
	if diff := cmp.Diff([]Ran{{"out\n", 3}}, got); diff != "" || err == nil || !strings.Contains(err.Error(), "rest") {
		t.Errorf("got %v, %s", err, diff)
	}
}

func TestAnchors(t *testing.T) {
	page, err := Parse("page", "# `--dcache=0`, and [more](x.md)\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{"--dcache0-and-more": true}, page.Anchors()); diff != "" {
		t.Error(diff)
	}
}
