package man

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// rendered is what man shows of a page in 78 columns.
func rendered(t *testing.T, page string) string {
	t.Helper()
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), "groff", "-man", "-Tutf8", "-Kutf8", "-P-cbou", "-ww")
	cmd.Stdin = strings.NewReader(page)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v %s\n%s", err, stderr.String(), page)
	}
	return string(out)
}

func TestPage_TextAppearsAsItIs(t *testing.T) {
	const odd = `.TH 'tis \fB --rootfs=docker ~/.config ^top "quoted" … → \e ` + "`x`"
	p := newPage("x", 1, odd, Build{"1.0", time.Unix(0, 0)})
	p.section("DESCRIPTION")
	p.text(odd + "\n\n  .literal 'line\n  two  blanks")
	p.terms([]Pair{{".term", "'about"}})
	got := rendered(t, p.String())
	if n := strings.Count(strings.Join(strings.Fields(got), " "), odd); n != 2 {
		t.Errorf("got it %d times, want 2:\n%s", n, got)
	}
	for _, line := range []string{
		"  .literal 'line\n", "  two  blanks\n", " .term", "'about\n", "1970-01-01", "runsc-provisioner 1.0",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("%q is missing:\n%s", line, got)
		}
	}
}

func TestProgram_CommandsAreListedWithThoseBelowThem(t *testing.T) {
	root := Command{Path: "prog", Commands: []Command{{
		Path: "prog bundle", Usage: "prog bundle", About: "Bundles.",
		Commands: []Command{{
			Path: "prog bundle create", Usage: "prog bundle create FILE", About: "Creates.",
			Examples: "  prog bundle create x",
		}},
	}}}
	page := Program(root, "does things", []Pair{{"--all", "everything."}}, []Pair{{"0", "done."}}, Build{})
	got := rendered(t, page)
	for _, want := range []string{
		"bundle create FILE", "   bundle create\n", "Creates.", "prog bundle create x", "--all", "EXIT STATUS", "0 ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
}
