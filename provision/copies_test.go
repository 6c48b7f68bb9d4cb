package provision

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/test/dockerhost"
)

func TestFault_J13_CopiesAreForRootOnly(t *testing.T) {
	pr, d, o := hostWithDockerd(t, oldText)
	if err := os.Chmod(d.File, 0o604); err != nil {
		t.Fatal(err)
	}
	for range state.MaxBackups + 3 {
		if _, err := pr.apply(t.Context(), dockerhost.Upgrade(o, newText), config.Default(), o); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.File, []byte(oldText), 0o604); err != nil {
			t.Fatal(err)
		}
	}
	copies, err := filepath.Glob(filepath.Join(pr.State().Journal().BackupDir(), "*"))
	if err != nil || len(copies) != state.MaxBackups {
		t.Fatalf("got copies %q, %v, want the last %d", copies, err, state.MaxBackups)
	}
	for _, path := range copies {
		text, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || !bytes.Equal(text, []byte(oldText)) || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %q, mode %v, %v %v, want the old text, for root only", path, text, info.Mode(), err, statErr)
		}
	}
}
