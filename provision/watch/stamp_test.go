package watch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/test/need"
)

// stamped is a directory with a file, a symlink and a tree to take stamps of.
type stamped struct {
	*testing.T
	dir     string
	targets []Target
}

func newStamped(t *testing.T, dir string) *stamped {
	t.Helper()
	s := &stamped{T: t, dir: dir}
	s.mkdir("etc")
	s.write("etc/file", "text")
	s.write("real", "text")
	must(t, os.Symlink("../real", s.path("etc/link")))
	s.mkdir("tree/release/sub")
	s.write("tree/release/runsc", "program")
	s.write("tree/release/sub/file", "text")
	must(t, os.Symlink("runsc", s.path("tree/release/link")))
	s.targets = []Target{
		{Path: s.path("etc/file")}, {Path: s.path("etc/link")}, {Path: s.path("tree"), Tree: true}, {Path: s.path("missing/file")},
	}
	return s
}

func (s *stamped) path(name string) string { return filepath.Join(s.dir, name) }
func (s *stamped) mkdir(name string)       { must(s, os.MkdirAll(s.path(name), 0o700)) }
func (s *stamped) write(name, text string) { must(s, os.WriteFile(s.path(name), []byte(text), 0o600)) }
func (s *stamped) remove(name string)      { must(s, os.RemoveAll(s.path(name))) }
func (s *stamped) move(from, to string)    { must(s, os.Rename(s.path(from), s.path(to))) }
func (s *stamped) relink(text, name string) {
	must(s, os.Symlink(text, s.path(name+".new")))
	s.move(name+".new", name)
}

// overwrite changes one byte of a file in place, and its times only if the kernel does.
func (s *stamped) overwrite(name, text string) {
	f, err := os.OpenFile(s.path(name), os.O_WRONLY, 0)
	must(s, err)
	_, err = f.WriteAt([]byte(text), 0)
	must(s, err)
	must(s, f.Close())
}

func TestEveryChangeChangesTheStamp(t *testing.T) {
	s := newStamped(t, t.TempDir())
	seen := map[Stamp]string{StampOf(s.targets): "at first"}
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"a byte written in place", func() { s.overwrite("etc/file", "T") }},
		{"and again", func() { s.overwrite("etc/file", "t") }},
		{"and its old times set", func() { must(t, os.Chtimes(s.path("etc/file"), time.Unix(1, 0), time.Unix(1, 0))) }},
		{"chmod", func() { must(t, os.Chmod(s.path("etc/file"), 0o644)) }},
		{"renamed over by the same", func() { s.write("etc/new", "text"); s.move("etc/new", "etc/file") }},
		{"deleted", func() { s.remove("etc/file") }},
		{"created", func() { s.write("etc/file", "text") }},
		{"its directory replaced", func() {
			s.move("etc", "old")
			s.mkdir("etc")
			s.move("old/file", "etc/file")
			s.move("old/link", "etc/link")
		}},
		{"the target of a symlink written in place", func() { s.overwrite("real", "T") }},
		{"a symlink made again", func() { s.relink("../real", "etc/link") }},
		{"a symlink repointed", func() { s.relink("../nowhere", "etc/link") }},
		{"its missing target created", func() { s.write("nowhere", "") }},
		{"a directory on the way made", func() { s.mkdir("missing") }},
		{"a file of the tree written in place", func() { s.overwrite("tree/release/runsc", "P") }},
		{"one further down", func() { s.overwrite("tree/release/sub/file", "T") }},
		{"chmod of a directory of the tree", func() { must(t, os.Chmod(s.path("tree/release/sub"), 0o755)) }},
		{"a symlink of the tree repointed", func() { s.relink("sub", "tree/release/link") }},
		{"a hidden directory made", func() { s.mkdir("tree/.hidden") }},
		{"a hidden file in it", func() { s.write("tree/.hidden/.file", "") }},
		{"and written", func() { s.overwrite("tree/.hidden/.file", "x") }},
		{"renamed", func() { s.move("tree/.hidden", "tree/shown") }},
		{"removed", func() { s.remove("tree/shown") }},
		{"two files exchanged", func() {
			must(t, unix.Renameat2(unix.AT_FDCWD, s.path("tree/release/runsc"), unix.AT_FDCWD, s.path("tree/release/sub/file"), unix.RENAME_EXCHANGE))
		}},
		{"the tree replaced by a file", func() { s.remove("tree"); s.write("tree", "") }},
		{"the tree gone", func() { s.remove("tree") }},
	} {
		step.do()
		now := StampOf(s.targets)
		if before, has := seen[now]; has {
			t.Errorf("%s: the stamp is that of: %s", step.what, before)
		}
		seen[now] = step.what
		if again := StampOf(s.targets); again != now {
			t.Errorf("%s: got %s, and then, with nothing done, %s", step.what, now, again)
		}
	}
}

func TestChangesThatNeedRootChangeTheStamp(t *testing.T) {
	need.Root(t)
	s := newStamped(t, t.TempDir())
	chattr := func(flag string) {
		if out, err := exec.Command("chattr", flag, s.path("etc/file")).CombinedOutput(); err != nil {
			t.Fatalf("chattr %s: %v: %s", flag, err, out)
		}
	}
	t.Cleanup(func() { chattr("-i") })
	before := StampOf(s.targets)
	for what, do := range map[string]func(){
		"chown":     func() { must(t, os.Chown(s.path("etc/link"), 12345, -1)) },
		"chgrp":     func() { must(t, os.Lchown(s.path("tree/release/link"), -1, 12345)) },
		"immutable": func() { chattr("+i") },
	} {
		do()
		now := StampOf(s.targets)
		if now == before {
			t.Errorf("%s: the stamp is the same", what)
		}
		before = now
	}
}

func TestFilesBesideATargetAreNotInTheStamp(t *testing.T) {
	s := newStamped(t, t.TempDir())
	before := StampOf(s.targets)
	s.write("etc/.file.runsc-provisioner-ABCDEFGHIJKLMNOPQRSTUVWXYZ", "")
	s.write("etc/other", "")
	s.mkdir("etc/file.d")
	s.write("other", "")
	if _, err := os.ReadFile(s.path("etc/file")); err != nil {
		t.Fatal(err)
	}
	if got := StampOf(s.targets); got != before {
		t.Errorf("got %s, want %s", got, before)
	}
	if got := StampOf(s.targets[1:]); got == before {
		t.Error("the stamp of fewer targets is the same")
	}
}

// On ramfs times are those of the last tick, as on every file system until
// Linux 6.13.
func TestTwoWritesInOneTickHaveTwoStamps(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	must(t, unix.Mount("ramfs", dir, "ramfs", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	s := newStamped(t, dir)
	before := StampOf(s.targets)
	for n := range 100 {
		s.overwrite("etc/file", strconv.Itoa(n%10))
		now := StampOf(s.targets)
		if now == before {
			t.Fatalf("write %d: the stamp is the same", n)
		}
		before = now
	}
}

func TestTheStampOfTooLargeATreeIsUnique(t *testing.T) {
	s := newStamped(t, t.TempDir())
	for n := range maxDirs {
		s.mkdir(filepath.Join("tree", strconv.Itoa(n)))
	}
	if a, b := StampOf(s.targets), StampOf(s.targets); a == b {
		t.Errorf("got %s twice", a)
	}
}

func TestExceptedEntriesAreNotInTheStamp(t *testing.T) {
	s := newStamped(t, t.TempDir())
	s.mkdir("tree/.hidden-1/sub")
	s.targets = []Target{{Path: s.path("tree"), Tree: true, Except: ".hidden-"}}
	before := StampOf(s.targets)
	s.write("tree/.hidden-1/sub/file", "text")
	if got := StampOf(s.targets); got != before {
		t.Error("got another stamp for an excepted entry")
	}
	s.mkdir("tree/release/.hidden-2")
	if got := StampOf(s.targets); got == before {
		t.Error("got the same stamp, want only the tree's own directory to have exceptions")
	}
}
