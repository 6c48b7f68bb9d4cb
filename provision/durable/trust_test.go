package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/test/need"
)

func TestFault_X17_WhoCouldChangeAFile(t *testing.T) {
	need.Root(t)
	const them = 1234
	for _, test := range []struct {
		situation string
		setup     func(dir string) error // dir has a/file
		unsafe    string                 // below dir; "" is safe
		remedy    string                 // followed by the path; "" for none
	}{
		{"root's own", func(string) error { return nil }, "", ""},
		{"the file is missing", func(d string) error { return os.Remove(d + "/a/file") }, "", ""},
		{"all may write", func(d string) error { return os.Chmod(d+"/a/file", 0o666) }, "a/file", "sudo chmod go-w "},
		{"a group may write", func(d string) error { return os.Chmod(d+"/a/file", 0o620) }, "a/file", "sudo chmod go-w "},
		{"another user's", func(d string) error { return os.Chown(d+"/a/file", them, 0) }, "a/file", "sudo chown root "},
		{"all may write the directory", func(d string) error { return os.Chmod(d+"/a", 0o777) }, "a", "sudo chmod go-w "},
		{"another user's directory", func(d string) error { return os.Chown(d+"/a", them, 0) }, "a", "sudo chown root "},
		{"missing in a directory of others", func(d string) error { return errors.Join(os.Remove(d+"/a/file"), os.Chmod(d+"/a", 0o777)) }, "a", "sudo chmod go-w "},
		{"a sticky directory at the end", func(d string) error {
			return errors.Join(os.Chmod(d+"/a", 0o777|os.ModeSticky), os.Remove(d+"/a/file"), os.Remove(d+"/b/file"), os.Remove(d+"/b"), os.Symlink("../a", d+"/a/file"))
		}, "a", ""},
		{"a sticky directory", func(d string) error { return os.Chmod(d+"/a", 0o777|os.ModeSticky) }, "", ""},
		{"another user's sticky directory", func(d string) error {
			return errors.Join(os.Chmod(d+"/a", 0o755|os.ModeSticky), os.Chown(d+"/a", them, 0))
		}, "a", "sudo chown root "},
		{"a symlink to root's own", func(d string) error { return os.Symlink("../b/file", d+"/a/link") }, "", ""},
		{"a symlink that leads through a directory of others", func(d string) error {
			return errors.Join(os.Chmod(d+"/b", 0o777), os.Symlink(d+"/b/next", d+"/a/link"), os.Symlink(d+"/c/file", d+"/b/next"))
		}, "b", "sudo chmod go-w "},
		{"a symlink to a file that all may write", func(d string) error {
			return errors.Join(os.Chmod(d+"/b/file", 0o666), os.Symlink(d+"/a/../b/file", d+"/a/link"))
		}, "b/file", "sudo chmod go-w "},
		{"another user's symlink in a sticky directory", func(d string) error {
			return errors.Join(os.Chmod(d+"/a", 0o777|os.ModeSticky), os.Symlink("../b/file", d+"/a/link"), os.Lchown(d+"/a/link", them, 0))
		}, "a/link", "sudo chown -h root "},
		{"another user's symlink where only root writes", func(d string) error {
			return errors.Join(os.Symlink("../b/file", d+"/a/link"), os.Lchown(d+"/a/link", them, 0))
		}, "", ""},
	} {
		t.Run(test.situation, func(t *testing.T) {
			dir := t.TempDir()
			for _, sub := range []string{"a", "b", "c"} {
				if err := errors.Join(os.Mkdir(filepath.Join(dir, sub), 0o755), os.WriteFile(filepath.Join(dir, sub, "file"), nil, 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.setup(dir); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "a", "file")
			if _, err := os.Lstat(filepath.Join(dir, "a", "link")); err == nil {
				path = filepath.Join(dir, "a", "link")
			}
			err := Trusted(path)
			var unsafe *UnsafeError
			switch errors.As(err, &unsafe); {
			case test.unsafe == "" && err != nil:
				t.Errorf("got %v, want it safe", err)
			case test.unsafe == "":
			case unsafe == nil || unsafe.Path != filepath.Join(dir, test.unsafe) || test.remedy == "" && unsafe.Remedy != "" || test.remedy != "" && unsafe.Remedy != test.remedy+unsafe.Path:
				t.Errorf("got %+v, want %s, mended by %q", err, test.unsafe, test.remedy)
			}
		})
	}
}

func TestFault_X17_ALoopOfSymlinksIsNotFollowedForEver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loop")
	if err := os.Symlink("loop", path); err != nil {
		t.Fatal(err)
	}
	if err := Trusted(path); err == nil {
		t.Error("got no error")
	}
}

func TestFault_X17_AnOwnFileIsNotAnothersOrASymlink(t *testing.T) {
	need.Root(t)
	path := filepath.Join(t.TempDir(), "own")
	for _, test := range []struct {
		situation string
		setup     func() error
		fails     bool
	}{
		{"own", func() error { return os.WriteFile(path, []byte("x"), 0o600) }, false},
		{"others may write", func() error { return os.Chmod(path, 0o602) }, true},
		{"another user's", func() error { return errors.Join(os.Chmod(path, 0o600), os.Chown(path, 1234, 0)) }, true},
		{"a symlink to an own file", func() error { return errors.Join(os.Remove(path), os.Symlink("/etc/passwd", path)) }, true},
	} {
		if err := test.setup(); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadOwn(path, 1<<20); (err != nil) != test.fails {
			t.Errorf("%s: got %v, want an error: %t", test.situation, err, test.fails)
		}
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{"/etc/a-b.toml": "/etc/a-b.toml", "/a b": "'/a b'", "it's": `'it'\''s'`, "$x": "'$x'", "": "''"} {
		if got := shellWord(word); got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
}
