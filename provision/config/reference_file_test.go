package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loadText loads a directory with text as config.toml.
func loadText(t *testing.T, text string) Layered {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	layered, err := Load(dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return layered
}

func TestDefaultFile_SetsNothing(t *testing.T) {
	for _, line := range strings.Split(DefaultFile(), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") || len([]rune(line)) > 110 {
			t.Errorf("got line %q, want a comment", line)
		}
	}
	got := loadText(t, DefaultFile())
	if diff := cmp.Diff(loadText(t, ""), got, cmp.AllowUnexported(Layered{})); diff != "" {
		t.Errorf("differs from an empty file: %s", diff)
	}
}

var setting = regexp.MustCompile(`(?m)^#(\S.* = .*)$`)

// With every default uncommented, it means the same as without the file.
func TestDefaultFile_HasTheDefaults(t *testing.T) {
	text := setting.ReplaceAllString(DefaultFile(), "$1")
	got := loadText(t, text).Config
	want := Default()
	// An empty list is no list.
	for _, list := range []*[]string{&got.Release.RedirectHosts, &got.Enforce.AllowImages} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs from the built-in defaults: %s", diff)
	}
	for _, section := range Reference() {
		for _, key := range section.Keys {
			name := strings.Replace(key.Key, ".NAME.", ".runsc.", 1)
			if key.Default != "" && !strings.Contains(text, "\n"+name+" = "+key.Default+"\n") {
				t.Errorf("%s = %s is missing", name, key.Default)
			}
		}
	}
}

// Each line alone can be uncommented.
func TestDefaultFile_OneLineIsEnough(t *testing.T) {
	text := DefaultFile()
	for _, found := range setting.FindAllString(text, -1) {
		loadText(t, strings.Replace(text, found, found[1:], 1))
	}
}
