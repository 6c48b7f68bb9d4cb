package daemonjson

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// checkEdited checks that an edit made only the changes that it may. Edit has
// its own check, checkEdit; this one is independent of it.
func checkEdited(t *testing.T, before, after Document, w Want) {
	t.Helper()
	if want, got := foreign(before, w), foreign(after, w); !slices.Equal(got, want) {
		t.Errorf("what is not ours has changed:\n got %q\nwant %q", got, want)
	}
	if again, err := Edit(after, w); err != nil || again.text != after.text {
		t.Errorf("second edit: got %q, %v; want %q", again.text, err, after.text)
	}
	checkTakenBack(t, before, after, w)
	diff := Diff("f", []byte(before.text), []byte(after.text))
	if !strings.HasPrefix(diff, "# for reading only") {
		if got := applyDiff(t, before.text, diff); got != after.text {
			t.Errorf("diff:\n%s\n got %q\nwant %q", diff, got, after.text)
		}
	}
}

// foreign returns the text of every member that w does not name, in order, and
// the text around the document.
func foreign(d Document, w Want) []string {
	all := []string{strings.TrimSpace(d.text[:d.root.start]), strings.TrimSpace(d.text[d.root.end:])}
	for _, kid := range d.root.kids {
		if kid.key == keyRuntimes {
			all = append(all, foreignRuntimes(d, kid, w)...)
			continue
		}
		ours := kid.key == keyDefaultRuntime && w.DefaultRuntime != nil || kid.key == keyUsernsRemap && w.UsernsRemap != nil
		if !ours {
			all = append(all, d.text[kid.begin:kid.end])
		}
	}
	return all
}

func foreignRuntimes(d Document, runtimes node, w Want) []string {
	var all []string
	for _, entry := range runtimes.kids {
		r, ours := w.Runtimes[entry.key]
		if !ours {
			all = append(all, d.text[entry.begin:entry.end])
		}
		if r == nil {
			continue
		}
		for _, field := range entry.kids {
			switch field.key {
			case fieldPath, fieldType, fieldOptions:
			case fieldArgs:
				if r.Args == nil {
					all = append(all, d.text[field.begin:field.end])
				}
			default:
				all = append(all, d.text[field.begin:field.end])
			}
		}
	}
	return all
}

// checkTakenBack checks that undoing an edit that only added members restores
// the old bytes.
func checkTakenBack(t *testing.T, before, after Document, w Want) {
	if len(before.root.kids) == 0 || before.Has(keyRuntimes) || before.Has(keyDefaultRuntime) || before.Has(keyUsernsRemap) {
		return
	}
	none := ""
	back := Want{Runtimes: map[string]*Runtime{}, DefaultRuntime: &none, UsernsRemap: &none, Tidy: true}
	for name := range w.Runtimes {
		back.Runtimes[name] = nil
	}
	restored, err := Edit(after, back)
	if err != nil || restored.text != before.text {
		t.Errorf("taken back: got %q, %v; want %q", restored.text, err, before.text)
	}
}

var hunkHead = regexp.MustCompile(`^@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@\n$`)

// applyDiff applies a unified diff and verifies every line of it.
func applyDiff(t *testing.T, before, diff string) string {
	t.Helper()
	old, rest := strings.SplitAfter(before, "\n"), strings.SplitAfter(diff, "\n")
	var out []string
	at := 0
	for i := 0; i < len(rest) && rest[i] != ""; i++ {
		line := rest[i]
		if i < 2 {
			continue // the names
		}
		if m := hunkHead.FindStringSubmatch(line); m != nil {
			first, _ := strconv.Atoi(m[1])
			if m[2] == ",0" {
				first++
			}
			for ; at < first-1; at++ {
				out = append(out, old[at])
			}
			second, _ := strconv.Atoi(m[3])
			if m[4] == ",0" {
				second++
			}
			if len(out) != second-1 {
				t.Fatalf("hunk %q stands at line %d of the result", line, len(out)+1)
			}
			continue
		}
		body := line[1:]
		if i+1 < len(rest) && strings.HasPrefix(rest[i+1], `\`) {
			body = strings.TrimSuffix(body, "\n")
		}
		switch line[0] {
		case '\\':
			continue
		case '+':
			out = append(out, body)
			continue
		}
		if at >= len(old) || old[at] != body {
			t.Fatalf("line %d does not match %q in:\n%s", at+1, line, diff)
		}
		if at++; line[0] == ' ' {
			out = append(out, body)
		}
	}
	return strings.Join(append(out, old[at:]...), "")
}
