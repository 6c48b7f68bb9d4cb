package watch

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/test/need"
)

func TestASymlinkIsFollowed(t *testing.T) {
	r := newRig(t)
	for _, dir := range []string{"etc", "one/deep", "two", "bin"} {
		r.mkdir(dir)
	}
	for _, file := range []string{"one/deep/file", "two/file"} {
		r.write(file, "")
	}
	r.link("one", "current")
	r.link("../bin/../current/deep/file", "bin/middle") // relative, with a symlink to a directory in it
	r.link(r.path("bin/middle"), "etc/link")            // absolute, to a symlink
	r.set(Target{Path: "etc/link"})
	hinted := func(what string, lost bool, act func()) { r.Helper(); r.expect(what, lost, act, "etc/link") }

	hinted("what it leads to, edited", false, func() { r.edit("one/deep/file") })
	hinted("the symlink to a directory repointed", false, func() { r.link("two", "new"); r.move("new", "current") })
	r.expect("what it led to, edited", false, func() { r.edit("one/deep/file") })
	r.expect("a name on the way, elsewhere", false, func() { r.mkdir(filepath.Join("etc", strings.Split(r.dir, "/")[1])) })
	hinted("what it would lead to, created", false, func() { r.mkdir("two/deep"); r.write("two/deep/file", "") })
	hinted("and edited", false, func() { r.edit("two/deep/file") })
	hinted("its directory replaced", true, func() {
		r.move("two/deep", "two/old")
		r.mkdir("two/deep")
		r.write("two/deep/file", "")
	})
	hinted("and a file in it edited", false, func() { r.edit("two/deep/file") })
	hinted("the last symlink repointed", false, func() { r.link("../two/file", "new"); r.move("new", "etc/link") })
	hinted("and what it leads to edited", false, func() { r.edit("two/file") })
	r.expect("what the old one led to, edited", false, func() { r.edit("two/deep/file") })
	hinted("made a file", false, func() { r.remove("etc/link"); r.write("etc/link", "") })
	r.expect("what it led to, edited", false, func() { r.edit("two/file") })
	r.tidy()
}

func TestASymlinkTooManyIsAnErrorAndLostOnce(t *testing.T) {
	r := newRig(t)
	for n := range maxLinks + 1 {
		r.link(strconv.Itoa(n), strconv.Itoa(n+1))
	}
	first := strconv.Itoa(maxLinks + 1)
	if _, err := os.Stat(r.path(first)); !errors.Is(err, unix.ELOOP) {
		t.Fatalf("the kernel: got %v, want %v", err, unix.ELOOP)
	}
	r.set(Target{Path: "good"}, Target{Path: strconv.Itoa(maxLinks)})
	targets := append(r.targets, Target{Path: r.path(first)})
	for _, want := range []Hint{{Paths: []string{r.path(first)}, Lost: true}, {}} {
		if err := r.Watch(targets); !errors.Is(err, unix.ELOOP) || !strings.Contains(err.Error(), r.dir) {
			t.Errorf("error: got %v, want %v with a path", err, unix.ELOOP)
		}
		if got := r.pending(); !slices.Equal(got.Paths, want.Paths) || got.Lost != want.Lost {
			t.Errorf("hint: got %v, want %v", got, want)
		}
	}
	r.expect("another target", false, func() { r.write("good", "") }, "good")
	r.expect("one less", false, func() { r.remove("10"); r.link("8", "10") }, first, strconv.Itoa(maxLinks))
	must(t, r.Watch(targets))
}

func TestTheNextWatchSeesAMountOnTheWay(t *testing.T) {
	need.Root(t)
	r := newRig(t)
	existing(r)
	r.set(Target{Path: "etc/docker/daemon.json"})
	mount := func() {
		must(t, unix.Mount("tmpfs", r.path("etc/docker"), "tmpfs", 0, "size=1m"))
		r.write("etc/docker/daemon.json", "{}")
	}
	unmount := func() { must(t, unix.Unmount(r.path("etc/docker"), 0)) }
	t.Cleanup(func() { _ = unix.Unmount(r.path("etc/docker"), unix.MNT_DETACH) })
	for _, step := range []step{
		{what: "mounted", do: func(*rig) { mount() }},
		// Device number and inode are often the same, so only the lost watch
		// shows it.
		{what: "mounted again", do: func(*rig) {
			unmount()
			await(t, "fsnotify knows that the watch is gone", func() bool { return !slices.Contains(r.inotify.WatchList(), r.path("etc/docker")) })
			mount()
		}},
		{what: "unmounted", do: func(*rig) { unmount() }},
	} {
		step.do(r)
		must(t, r.Watch(r.targets))
		if hint := r.pending(); !slices.Equal(hint.Paths, []string{r.path("etc/docker/daemon.json")}) || !hint.Lost {
			t.Errorf("%s: got %v, want a hint at the file, and Lost", step.what, hint)
		}
		r.expect(step.what+", edited", false, func() { r.edit("etc/docker/daemon.json") }, "etc/docker/daemon.json")
	}
}

func TestTwoNamesOfOneDirectory(t *testing.T) {
	need.Root(t)
	r := newRig(t)
	r.mkdir("one")
	r.mkdir("two")
	r.write("one/a", "")
	r.write("one/b", "")
	must(t, unix.Mount(r.path("one"), r.path("two"), "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(r.path("two"), unix.MNT_DETACH) })
	r.set(Target{Path: "one/a"}, Target{Path: "two/a"}, Target{Path: "two/b"})
	r.expect("by the first name", false, func() { r.edit("one/a") }, "one/a", "two/a")
	r.expect("by the second name", false, func() { r.edit("two/b") }, "two/b")
	must(t, r.Watch(r.targets[1:]))
	r.pending()
	r.expect("the first name is no longer watched", false, func() { r.edit("two/a") }, "two/a")
}
