package host

import (
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/daemonjson"
)

func TestClassicBuild(t *testing.T) {
	empty, full := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(full, buildxPlugin), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		version string
		file    string
		plugins []string
		classic bool
	}{
		{"20.10", "20.10.24+dfsg1", "{}", []string{full}, true},
		{"20.10, BuildKit switched on", "20.10.24+dfsg1", `{"features":{"buildkit":true}}`, []string{empty}, false},
		{"20.10, BuildKit switched off", "20.10.24+dfsg1", `{"features":{"buildkit":false}}`, []string{full}, true},
		{"26.1 without buildx", "26.1.5+dfsg1", "{}", []string{empty, filepath.Join(empty, "none")}, true},
		{"26.1 without buildx, BuildKit switched on", "26.1.5+dfsg1", `{"features":{"buildkit":true}}`, []string{empty}, true},
		{"26.1 with buildx", "26.1.5+dfsg1", "{}", []string{empty, full}, false},
		{"23.0 with buildx", "23.0.0", "", []string{full}, false},
		{"an unknown version", "dev", "{}", []string{empty}, false},
		{"no directories to search", "20.10.24", "{}", nil, false},
	} {
		h := &Host{Paths: Paths{CLIPlugins: test.plugins}}
		if got := classicBuildReason(h.Paths.CLIPlugins, test.version, documentOf(t, test.file)); (got != "") != test.classic {
			t.Errorf("%s: got %q, want the classic builder: %v", test.name, got, test.classic)
		}
	}
}

func documentOf(t *testing.T, text string) daemonjson.Document {
	t.Helper()
	doc, err := daemonjson.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
