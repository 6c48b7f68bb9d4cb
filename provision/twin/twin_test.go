package twin_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/twin"
)

var errBad = errors.New("bad")

// decode reads a file that begins with "+".
func decode(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if len(text) == 0 || text[0] != '+' {
		return "", &os.PathError{Op: "decode", Path: path, Err: errBad}
	}
	return string(text), nil
}

func TestRead(t *testing.T) {
	const none = "none"
	for _, test := range []struct{ file, copied, want, damaged string }{
		{none, none, "", ""},
		{"+a", none, "+a", ""},
		{"+a", "+b", "+a", ""},
		{"+a", "b", "+a", "copy"},
		{"a", "+b", "+b", "file"},
		{none, "+b", "+b", "file"},
		{none, "b", "", "copy"},
		{"a", none, "", "file"},
		{"a", "b", "", "file"},
	} {
		dir := t.TempDir()
		f := twin.Files{Path: filepath.Join(dir, "file"), Copy: filepath.Join(dir, "copy")}
		for path, text := range map[string]string{f.Path: test.file, f.Copy: test.copied} {
			if text == none {
				continue
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, found, err := twin.Read(f, decode)
		damaged := ""
		if path, ok := errors.AsType[*os.PathError](err); ok {
			damaged = filepath.Base(path.Path)
		}
		if got != test.want || found != (test.want != "") || damaged != test.damaged {
			t.Errorf("%q and %q: got %q, %v, %v", test.file, test.copied, got, found, err)
		}
	}
}

func TestMoveAside_ReplacesAnEarlierOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.MkdirAll(filepath.Join(path+".unread", "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	aside, err := twin.MoveAside(path)
	text, readErr := os.ReadFile(aside)
	if err != nil || readErr != nil || string(text) != "text" {
		t.Errorf("got %q, %v, with %q, %v", aside, err, text, readErr)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("got %v, want nothing at %s", err, path)
	}
}
