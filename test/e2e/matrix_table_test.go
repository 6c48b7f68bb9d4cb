package e2e

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/capability"
)

// compatibilityDoc is written by TestMatrix.
const compatibilityDoc = "../../docs/compatibility.md"

// table has a line for each variant and a column for each promise. Reasons are numbered, below.
func table(rows []row) string {
	head := []string{"Docker", "Debian", "images in", "remap"}
	for _, p := range promises {
		head = append(head, p.name)
	}
	lines := [][]string{head, nil}
	var reasons []string
	for _, r := range rows {
		line := []string{r.Engine, r.Suite, r.Store, r.Remap}
		for _, p := range promises {
			c, ok := r.Cells[p.name]
			if !ok {
				c = cell{fails, "not tried"}
			}
			text := c.State
			if c.Why != "" {
				if !slices.Contains(reasons, c.Why) {
					reasons = append(reasons, c.Why)
				}
				text += fmt.Sprintf(" [%d]", slices.Index(reasons, c.Why)+1)
			}
			line = append(line, text)
		}
		lines = append(lines, line)
	}
	width := make([]int, len(head))
	for _, line := range lines {
		for i, text := range line {
			width[i] = max(width[i], len(text))
		}
	}
	lines[1] = make([]string, len(head))
	for i := range head {
		lines[1][i] = strings.Repeat("-", width[i])
	}
	var out strings.Builder
	for _, line := range lines {
		for i, text := range line {
			fmt.Fprintf(&out, "| %-*s ", width[i], text)
		}
		out.WriteString("|\n")
	}
	out.WriteString("\n")
	for i, why := range reasons {
		fmt.Fprintf(&out, "%d. %s\n", i+1, why)
	}
	return out.String()
}

// compatibility is the text of compatibilityDoc.
func compatibility(rows []row, now time.Time) string {
	var out strings.Builder
	fmt.Fprintf(&out, `# Compatibility

`+"`make matrix`"+` wrote this page on %s. It booted a throwaway host for each line and tried each promise on it, with
gVisor %s. The engines 20.10 and 26.1 are Debian's packages. The others were built from the Go modules of their
release; 29 is a beta of moby v2. "graph" is overlay2, "containerd" is containerd's image store.

"works" means: tried and seen. "held" means: refused before anything changed, with the reason. "n/a" means: not
applicable. The numbers stand for reasons, below the table.

%s
## What each promise is

| promise | what was seen |
|---|---|
`, now.UTC().Format(time.DateOnly), newer, table(rows))
	for _, p := range promises {
		fmt.Fprintf(&out, "| %s | %s |\n", p.name, p.what)
	}
	out.WriteString("\n## What the versions of dockerd differ in\n\nThe same run asked each engine.\n\n| dockerd | from | until | known from |\n|---|---|---|---|\n")
	for _, r := range capability.Table() {
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", r.What, cmp.Or(r.Since, "always"), cmp.Or(r.Before, "now"), r.Source)
	}
	out.WriteString("\n## Versions\n\n")
	var versions []string
	for _, r := range rows {
		versions = append(versions, fmt.Sprintf("- %s on Debian %s: %s", r.Engine, r.Suite, r.Versions))
	}
	for _, line := range slices.Compact(versions) {
		out.WriteString(line + "\n")
	}
	return out.String()
}

func TestMatrixTableNamesEachReasonOnce(t *testing.T) {
	all := func(c cell) map[string]cell {
		cells := map[string]cell{}
		for _, p := range promises {
			cells[p.name] = c
		}
		return cells
	}
	good, bad := row{Engine: "a", Cells: all(cell{works, ""})}, row{Engine: "b", Cells: all(cell{heldBack, "why"})}
	text := table([]row{good, bad, bad, {Engine: "c"}})
	if n := strings.Count(text, "held [1]"); n != 2*len(promises) || strings.Count(text, "why") != 1 {
		t.Errorf("got %d held cells, want %d, and the reason once:\n%s", n, 2*len(promises), text)
	}
	if n := strings.Count(text, fails); n != len(promises) {
		t.Errorf("got %d failing cells, want each that was not tried:\n%s", n, text)
	}
	if good.failed() || bad.failed() || !(row{}).failed() {
		t.Error("got the wrong rows failed, want only the one that was not tried")
	}
}
