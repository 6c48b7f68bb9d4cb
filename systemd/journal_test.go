package systemd

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestNewestLinesAreKept(t *testing.T) {
	long := strings.Repeat("x", journalBytes/4)
	line := func(n int) string { return fmt.Sprint(n, long) }
	for _, tt := range []struct {
		situation string
		written   []string
		want      []string
	}{
		{"few", []string{"a\n", "b\n"}, []string{"a", "b"}},
		{"none", nil, []string{""}},
		{"more than the limit", []string{line(1) + "\n", line(2) + "\n", line(3) + "\n", line(4) + "\n", line(5) + "\n"}, []string{line(3), line(4), line(5)}},
		{"much more", []string{strings.Repeat("old\n", journalBytes), "new\n"}, append(slices.Repeat([]string{"old"}, journalBytes/4-2), "new")},
		{"one line that is too long", []string{strings.Repeat("a", journalBytes) + "b\n"}, []string{strings.Repeat("a", journalBytes-2) + "b"}},
	} {
		var n newest
		for _, text := range tt.written {
			if _, err := n.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if got := n.lines(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %d lines, %.20q…, want %d, %.20q…", tt.situation, len(got), strings.Join(got, "\n"), len(tt.want), strings.Join(tt.want, "\n"))
		}
	}
}
