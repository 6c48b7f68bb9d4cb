package state

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFault_R01_AMisplacedDirectoryIsFound(t *testing.T) {
	root := t.TempDir()
	d := Dir(root)
	dir := filepath.Join(root, "etc [1]", "docker")
	path := filepath.Join(dir, "daemon.json")
	late := filepath.Join(dir, "docker.new", "daemon.json")
	fill := func() {
		for _, file := range []string{path, late} {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			putText(t, file, "{}")
		}
	}
	fill()
	if got := d.Misplaced(path); got != nil {
		t.Errorf("in a directory that this program did not make: got %v", got)
	}
	d.NoteMadeDir(path)
	if got := d.Misplaced(path); len(got) != 1 || got[0] != late {
		t.Errorf("got %v, want %s", got, late)
	}
	// After another program has replaced the directory, its files are not misplaced.
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	fill()
	if got := d.Misplaced(path); got != nil {
		t.Errorf("in another directory: got %v", got)
	}
	putText(t, filepath.Join(root, "x"), "{")
	if err := os.Rename(filepath.Join(root, "x"), d.madePath()); err != nil {
		t.Fatal(err)
	}
	if got := d.Misplaced(path); got != nil {
		t.Errorf("with a damaged note: got %v", got)
	}
}

func putText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
