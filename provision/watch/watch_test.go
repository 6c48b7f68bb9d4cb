package watch

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/test/need"
)

// A step is one change to a host.
type step struct {
	what string
	do   func(r *rig)
	lost bool // a directory on the way is gone or replaced
}

func TestEveryChangeOfAFileGivesAHint(t *testing.T) {
	edited := step{what: "edited", do: func(r *rig) { r.edit("etc/docker/daemon.json") }}
	for _, situation := range []struct {
		name   string
		before func(r *rig)
		steps  []step
	}{
		{"created, edited, renamed over, chmod, deleted", func(r *rig) { r.mkdir("etc/docker") }, []step{
			{what: "created", do: func(r *rig) { r.write("etc/docker/daemon.json", "{}") }},
			edited,
			{what: "renamed over", do: func(r *rig) { r.write("etc/docker/new", "{ }"); r.move("etc/docker/new", "etc/docker/daemon.json") }},
			edited,
			{what: "chmod", do: func(r *rig) { must(r.T, os.Chmod(r.path("etc/docker/daemon.json"), 0o640)) }},
			{what: "moved away", do: func(r *rig) { r.move("etc/docker/daemon.json", "etc/docker/daemon.json.bak") }},
			{what: "moved back", do: func(r *rig) { r.move("etc/docker/daemon.json.bak", "etc/docker/daemon.json") }},
			{what: "deleted", do: func(r *rig) { r.remove("etc/docker/daemon.json") }},
		}},
		{"its directory removed, and made again with the file", existing, []step{
			{what: "removed", do: func(r *rig) { r.remove("etc/docker") }, lost: true},
			{what: "made again", do: func(r *rig) { existing(r) }},
			edited,
			{what: "removed and made again", do: func(r *rig) { r.remove("etc/docker"); existing(r) }, lost: true},
			edited,
		}},
		{"its directory moved away, and another put in its place", existing, []step{
			{what: "replaced", do: func(r *rig) { r.move("etc/docker", "etc/docker.old"); existing(r) }, lost: true},
			edited,
			{what: "put back", do: func(r *rig) { r.remove("etc/docker"); r.move("etc/docker.old", "etc/docker") }, lost: true},
			edited,
		}},
		{"its directory moved away and back", existing, []step{
			{what: "moved", do: func(r *rig) { r.move("etc/docker", "away"); r.move("away", "etc/docker") }, lost: true},
			edited,
		}},
		{"its directory exchanged for another", func(r *rig) { existing(r); r.mkdir("other"); r.write("other/daemon.json", "{}") }, []step{
			{what: "exchanged", do: func(r *rig) {
				must(r.T, unix.Renameat2(unix.AT_FDCWD, r.path("etc/docker"), unix.AT_FDCWD, r.path("other"), unix.RENAME_EXCHANGE))
			}, lost: true},
			edited,
		}},
		{"a directory further up replaced", existing, []step{
			{what: "replaced", do: func(r *rig) { r.move("etc", "etc.old"); existing(r) }, lost: true},
			edited,
			{what: "moved away", do: func(r *rig) { r.move("etc", "etc.older") }, lost: true},
			{what: "put back", do: func(r *rig) { r.move("etc.old", "etc") }},
			edited,
		}},
		{"a missing directory", func(*rig) {}, []step{
			{what: "one made", do: func(r *rig) { r.mkdir("etc") }},
			{what: "another one made", do: func(r *rig) { r.mkdir("etc/docker") }},
			{what: "created", do: func(r *rig) { r.write("etc/docker/daemon.json", "{}") }},
			edited,
		}},
		{"a missing directory, everything made at once", func(*rig) {}, []step{
			{what: "made", do: existing},
			edited,
		}},
		{"a file where a directory should be", func(r *rig) { r.write("etc", "") }, []step{
			{what: "replaced", do: func(r *rig) { r.remove("etc"); existing(r) }},
			edited,
		}},
		{"a file that becomes a symlink", existing, []step{
			{what: "replaced", do: func(r *rig) {
				r.write("real", "{}")
				r.link("../../real", "new")
				r.move("new", "etc/docker/daemon.json")
			}},
			{what: "edited where it leads", do: func(r *rig) { r.edit("real") }},
		}},
	} {
		t.Run(situation.name, func(t *testing.T) {
			r := newRig(t)
			situation.before(r)
			r.set(Target{Path: "etc/docker/daemon.json"})
			for _, step := range situation.steps {
				r.expect(step.what, step.lost, func() { step.do(r) }, "etc/docker/daemon.json")
			}
			r.tidy()
		})
	}
}

func existing(r *rig) {
	r.mkdir("etc/docker")
	r.write("etc/docker/daemon.json", "{}")
}

func TestChangesOfOwnerAndAttributesGiveAHint(t *testing.T) {
	need.Root(t)
	r := newRig(t)
	existing(r)
	r.set(Target{Path: "etc/docker/daemon.json"})
	path := r.path("etc/docker/daemon.json")
	r.expect("chown", false, func() { must(t, os.Chown(path, 12345, -1)) }, "etc/docker/daemon.json")
	r.expect("a label", false, func() { must(t, unix.Setxattr(path, "security.note", []byte("x"), 0)) }, "etc/docker/daemon.json")
}

func TestFilesBesideATargetGiveNoHint(t *testing.T) {
	r := newRig(t)
	existing(r)
	r.mkdir("store")
	r.mkdir("elsewhere")
	r.write("elsewhere/file", "")
	r.link("../elsewhere", "store/link")
	r.set(Target{Path: "etc/docker/daemon.json"}, Target{Path: "store", Tree: true}, Target{Path: "var/missing/file"})
	r.expect("noise", false, func() {
		temp := "etc/docker/.daemon.json.runsc-provisioner-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		r.write(temp, "{}")
		must(t, os.Chmod(r.path(temp), 0o644))
		r.remove(temp)
		r.write("etc/docker/daemon.json.swp", "")
		r.write("etc/docker/key.json", "")
		r.mkdir("etc/docker/certs.d")
		r.write("etc/passwd", "")
		r.mkdir("etc/docker.d")
		r.mkdir("var-lib")
		r.write("file", "")
		r.edit("elsewhere/file") // symlinks in trees are not followed
	})
	r.expect("the target", false, func() { r.edit("etc/docker/daemon.json") }, "etc/docker/daemon.json")
}

func TestWatchAgain(t *testing.T) {
	r := newRig(t)
	existing(r)
	r.mkdir("store/release")
	r.set(Target{Path: "etc/docker/daemon.json"}, Target{Path: "store", Tree: true})
	before := r.inotify.WatchList()
	must(t, r.Watch(r.targets))
	if hint := r.pending(); hint.Paths != nil || hint.Lost {
		t.Errorf("nothing changed: got %v, want no hint", hint)
	}

	more := append(slices.Clone(r.targets), Target{Path: r.path("etc/docker/other")})
	must(t, r.Watch(more))
	if hint := r.pending(); !slices.Equal(hint.Paths, []string{r.path("etc/docker/other")}) || hint.Lost {
		t.Errorf("one more target, in a watched directory: got %v, want a hint at it alone", hint)
	}

	must(t, r.Watch(more[1:]))
	if hint := r.pending(); hint.Paths != nil || hint.Lost {
		t.Errorf("one target less: got %v, want no hint", hint)
	}
	r.expect("no longer a target", false, func() { r.edit("etc/docker/daemon.json") })

	must(t, r.Watch(nil))
	if got := r.inotify.WatchList(); len(got) != 0 {
		t.Errorf("without targets: %v are watched", got)
	}
	must(t, r.Watch(r.targets))
	now := r.inotify.WatchList()
	slices.Sort(before)
	slices.Sort(now)
	if !slices.Equal(before, now) {
		t.Errorf("watched: got %v, want %v", now, before)
	}
	if err := r.Watch([]Target{{Path: "etc"}}); err == nil {
		t.Error("a relative path was taken")
	}
}
