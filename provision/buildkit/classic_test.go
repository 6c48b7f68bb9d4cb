package buildkit

import (
	"os"
	"path/filepath"
	"testing"
)

func TestClassicBuild(t *testing.T) {
	empty, full := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(full, buildxPlugin), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		version string
		on      bool
		plugins []string
		classic bool
	}{
		{"20.10", "20.10.24+dfsg1", false, []string{full}, true},
		{"20.10, BuildKit switched on", "20.10.24+dfsg1", true, []string{empty}, false},
		{"26.1 without buildx", "26.1.5+dfsg1", false, []string{empty, filepath.Join(empty, "none")}, true},
		{"26.1 without buildx, BuildKit switched on", "26.1.5+dfsg1", true, []string{empty}, true},
		{"26.1 with buildx", "26.1.5+dfsg1", false, []string{empty, full}, false},
		{"23.0 with buildx", "23.0.0", false, []string{full}, false},
		{"an unknown version", "dev", false, []string{empty}, false},
		{"no directories to search", "20.10.24", false, nil, false},
	} {
		if got := ClassicReason(test.plugins, test.version, test.on); (got != "") != test.classic {
			t.Errorf("%s: got %q, want the classic builder: %v", test.name, got, test.classic)
		}
	}
}
