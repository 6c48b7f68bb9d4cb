// Package faults compares the numbers of faults in docs/faults.md with those of the tests.
package faults

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

var (
	row  = regexp.MustCompile(`(?m)^\| ([A-Z][0-9]{2}) \|`)
	test = regexp.MustCompile(`(?m)^func Test\w*Fault_([A-Z][0-9]{2})_`)
)

// numbers adds the first group of each match in the file at path.
func numbers(t *testing.T, path string, pattern *regexp.Regexp, to map[string]int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range pattern.FindAllSubmatch(text, -1) {
		to[string(match[1])]++
	}
}

func TestEachFaultIsDocumentedAndTested(t *testing.T) {
	documented, tested := map[string]int{}, map[string]int{}
	numbers(t, filepath.Join(root, "docs/faults.md"), row, documented)
	for number, times := range documented {
		if times > 1 {
			t.Errorf("docs/faults.md has %d rows for %s, want 1", times, number)
		}
	}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			numbers(t, path, test, tested)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(tested))); diff != "" {
		t.Errorf("faults in docs/faults.md (-), and with a test (+):\n%s", diff)
	}
}
