package buildkit

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRemoveState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "builds")
	put(t, filepath.Join(dir, emptyNetwork), "", 0o444)
	put(t, filepath.Join(dir, "killed-step_sandbox:1.state"), "{}", 0o600)
	RemoveState(dir)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Fatalf("got %v, %v, want the state of the killed step alone", entries, err)
	}
	if err := os.Remove(filepath.Join(dir, "killed-step_sandbox:1.state")); err != nil {
		t.Fatal(err)
	}
	RemoveState(dir)
	if Installed(dir) {
		t.Error("an empty directory is still there")
	}
	RemoveState(dir) // nothing to do
}
