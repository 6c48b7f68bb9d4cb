package host

import (
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/engine"
)

func TestNextRootFollowsASymlink(t *testing.T) {
	dir := t.TempDir()
	if root := nextRoot(documentOf(t, `{"data-root":"`+dir+`/to/"}`), engine.Flags{DataRoot: "/flag"}); root != dir+"/to" {
		t.Errorf("got %s", root)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "to")); err != nil {
		t.Fatal(err)
	}
	if root := nextRoot(documentOf(t, `{"data-root":"`+dir+`/to/"}`), engine.Flags{}); root != dir {
		t.Errorf("got %s, want where the symlink leads", root)
	}
	if root := nextRoot(daemonjson.Document{}, engine.Flags{DataRoot: "/no/such"}); root != "/no/such" {
		t.Errorf("got %s, want that of the flag", root)
	}
}
