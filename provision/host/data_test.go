package host

import (
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/commandline"
)

func TestNextRootFollowsASymlink(t *testing.T) {
	dir := t.TempDir()
	if root := nextRoot(documentOf(t, `{"data-root":"`+dir+`/to/"}`), commandline.Flags{DataRoot: "/flag"}); root != dir+"/to" {
		t.Errorf("got %s", root)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "to")); err != nil {
		t.Fatal(err)
	}
	if root := nextRoot(documentOf(t, `{"data-root":"`+dir+`/to/"}`), commandline.Flags{}); root != dir {
		t.Errorf("got %s, want the target of the symlink", root)
	}
	if root := nextRoot(daemonjson.Document{}, commandline.Flags{DataRoot: "/no/such"}); root != "/no/such" {
		t.Errorf("got %s, want the one of the flag", root)
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
