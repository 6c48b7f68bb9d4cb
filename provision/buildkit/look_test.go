package buildkit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"runsc-provisioner/provision/durable"
)

// hostWith makes a host below a directory, with a dockerd of process ID 7 that has an environment and an executable.
func hostWith(t *testing.T, environment, executable string) Places {
	t.Helper()
	root := t.TempDir()
	p := Places{DropIn: filepath.Join(root, "dropin.conf"), Program: filepath.Join(root, "builds/runc"), Proc: filepath.Join(root, "proc")}
	put(t, filepath.Join(p.Proc, "7/environ"), environment, 0o600)
	put(t, filepath.Join(p.Proc, "7/exe"), executable, 0o700)
	return p
}

func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestLook(t *testing.T) {
	p := hostWith(t, "HOME=/\x00PATH=/nowhere\x00DOCKER_BUILDKIT_RUNC_COMMAND=/other\x00", "…DOCKER_BUILDKIT_RUNC_COMMAND…")
	s := Look(p, "/nowhere/self", 7, []string{"PATH=/unit"}, true)
	if s.Environment != (Environment{"/other", "/nowhere"}) || !s.ReadsVariable || s.Unread != "" || s.Runc != "" || s.DropIn.Text != nil || s.Program.Text != nil || Installed(p.Program) {
		t.Errorf("got %+v", s)
	}
	if s.Self != "/nowhere/self" || s.SelfUnsafe == "" {
		t.Errorf("a missing program: got %q, %q", s.Self, s.SelfUnsafe)
	}
	if s = Look(p, "/bin/sh", 0, []string{"PATH=/unit"}, true); s.Environment.Search != "/unit" || s.SelfUnsafe != "" {
		t.Errorf("no dockerd: got %+v, want the environment of the unit", s)
	}
	if s = Look(p, "/bin/sh", 8, nil, true); s.Unread == "" {
		t.Error("a dockerd that is gone: got nothing that is not known")
	}
	if s = Look(hostWith(t, "", "another program"), "/bin/sh", 7, nil, true); s.ReadsVariable {
		t.Error("an executable without the variable: got it")
	}
}

// A working program that an earlier run has written into the Script stays; a broken one does not.
func TestLook_KeepsTheProgramOfTheScript(t *testing.T) {
	p := hostWith(t, "", "")
	for written, want := range map[string]string{"/bin/sh": "/bin/sh", "/nowhere/else": "/bin/true"} {
		put(t, p.Program, string(Script(written, Runsc{Path: "/x/runsc"})), 0o755)
		if s := Look(p, "/bin/true", 7, nil, true); s.Self != want || !Installed(p.Program) {
			t.Errorf("%s: got %s, want %s", written, s.Self, want)
		}
	}
}

func TestLook_AnUnusableFile(t *testing.T) {
	p := hostWith(t, "", "")
	if err := os.Mkdir(p.DropIn, 0o755); err != nil {
		t.Fatal(err)
	}
	if s := Look(p, "/bin/sh", 7, nil, true); s.DropIn.Unusable == "" || s.DropIn.Text != nil {
		t.Errorf("a directory: got %+v", s.DropIn)
	}
	put(t, p.Program, strings.Repeat("x", maxFile+1), 0o755)
	if s := Look(p, "/bin/sh", 7, nil, true); s.Program.Unusable == "" {
		t.Errorf("a large file: got %d bytes", len(s.Program.Text))
	}
}

func TestFindRunc(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a/runc"), "", 0o644)
	put(t, filepath.Join(dir, "b/runc"), "", 0o755)
	if got, want := findRunc(dir+"/none:"+dir+"/a:"+dir+"/b"), dir+"/b/runc"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := findRunc(dir + "/a"); got != "" {
		t.Errorf("got %q, want none", got)
	}
}

func TestContains(t *testing.T) {
	const text = "NEEDLE"
	for at := range 40 {
		hay := bytes.Repeat([]byte("."), 40)
		copy(hay[at:], text)
		want := at+len(text) <= len(hay)
		for name, r := range map[string]*bytes.Reader{"whole": bytes.NewReader(hay)} {
			if got, err := contains(r, text, 7); err != nil || got != want {
				t.Errorf("%s, at %s: got %t, %v, want %t", name, strconv.Itoa(at), got, err, want)
			}
		}
		if got, err := contains(iotest.OneByteReader(bytes.NewReader(hay)), text, 7); err != nil || got != want {
			t.Errorf("byte by byte, at %d: got %t, %v, want %t", at, got, err, want)
		}
	}
	if _, err := contains(iotest.ErrReader(os.ErrClosed), text, 7); err == nil {
		t.Error("got no error")
	}
}

// /tmp is emptied, and then any user could put another program there, which dockerd would run as root.
func TestLook_AProgramWhereOthersMayMakeFiles(t *testing.T) {
	p := hostWith(t, "", "")
	open := filepath.Join(t.TempDir(), "open")
	put(t, filepath.Join(open, "self"), "", 0o755)
	if err := os.Chmod(open, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if s := Look(p, filepath.Join(open, "self"), 7, nil, true); !strings.Contains(s.SelfUnsafe, open) {
		t.Errorf("got %q, want the directory %s", s.SelfUnsafe, open)
	}
	put(t, p.Program, string(Script("/bin/sh", Runsc{Path: "/x/runsc"})), 0o755)
	if err := os.Chmod(filepath.Dir(p.Program), 0o777); err != nil {
		t.Fatal(err)
	}
	var unsafe *durable.UnsafeError
	if s := Look(p, "/bin/sh", 7, nil, true); !errors.As(errors.Join(s.Unsafe...), &unsafe) || unsafe.Path != filepath.Dir(p.Program) {
		t.Errorf("got %v, want the directory of the program", s.Unsafe)
	}
}

func TestLook_Modes(t *testing.T) {
	for mode, bad := range map[os.FileMode]bool{0o755: false, 0o644: true, 0o700: true} {
		p := hostWith(t, "", "")
		put(t, p.Program, "x", mode)
		if s := Look(p, "/bin/sh", 7, nil, true); s.Program.BadMode != bad || s.DropIn.BadMode {
			t.Errorf("mode %o: got %t", mode, s.Program.BadMode)
		}
	}
}
