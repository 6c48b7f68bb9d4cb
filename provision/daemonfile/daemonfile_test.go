package daemonfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestLastChangeCountsTheSymlink(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(target, []byte("{}"), 0o644), os.Symlink(target, path)); err != nil {
		t.Fatal(err)
	}
	file, err := Read(path)
	if err != nil || file.Changed.Before(lastChange(target)) || !file.Changed.Equal(lastChange(path, target)) {
		t.Errorf("got %v, %v", file.Changed, err)
	}
}
