package session

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines_ColorsProgressAndWrapping(t *testing.T) {
	for _, row := range []struct {
		name, session string
		want          [][]Span
	}{
		{"a bar that was drawn again", "10 %\r100 %\r\n", [][]Span{{{Text: "100 %"}}}},
		{"a bar that was erased", "10 %\r\x1b[Kdone\r\n", [][]Span{{{Text: "done"}}}},
		{"an attribute", "a \x1b[33mnote:\x1b[0m b", [][]Span{{{Text: "a "}, {Text: "note:", Color: 33}, {Text: " b"}}}},
		{"a table that is wrapped", "link  ok  one two three four", [][]Span{
			{{Text: "link  ok  one two "}}, {{Text: "          three four"}},
		}},
		{"what a lab host alone has", "with --ignore-cgroups --x\n", [][]Span{{{Text: "with --x"}}}},
	} {
		if diff := cmp.Diff(row.want, Lines(row.session, 20)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}

func TestSVG_HasTheTextThatTextReads(t *testing.T) {
	lines := [][]Span{{{Text: "$ "}, {Text: "a <b> & 'c'", Bold: true}}, nil, {{Text: "→ ok", Color: 32}}}
	got, err := Text(SVG(lines))
	if want := "$ a <b> & 'c' → ok"; err != nil || strings.Join(strings.Fields(got), " ") != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
