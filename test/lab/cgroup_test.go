package lab

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRemoveCgroups_DeeperThanAnyPath(t *testing.T) {
	top := filepath.Join(t.TempDir(), "lab-x")
	if err := os.Mkdir(top, 0o755); err != nil {
		t.Fatal(err)
	}
	at, err := os.OpenRoot(top)
	if err != nil {
		t.Fatal(err)
	}
	const longestPath, name = 4096, 250
	for range longestPath/name + 5 {
		below := strings.Repeat("a", name)
		if err := errors.Join(at.Mkdir("beside", 0o755), at.Mkdir(below, 0o755)); err != nil {
			t.Fatal(err)
		}
		next, err := at.OpenRoot(below)
		at.Close()
		if err != nil {
			t.Fatal(err)
		}
		at = next
	}
	at.Close()
	if err := removeCgroups(top); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(top); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if err := removeCgroups(top); err != nil {
		t.Errorf("of a missing one: %v", err)
	}
}
