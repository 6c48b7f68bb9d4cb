package watch

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func TestATreeIsWatchedWithEverythingBelow(t *testing.T) {
	r := newRig(t)
	r.mkdir("store/release-1")
	r.write("store/release-1/runsc", "program")
	r.mkdir("made/a/b")
	r.write("made/a/b/file", "")
	r.set(Target{Path: "store", Tree: true}, Target{Path: "other"})
	hinted := func(what string, lost bool, act func()) { r.Helper(); r.expect(what, lost, act, "store") }

	hinted("a byte of a file changed", false, func() {
		f, err := os.OpenFile(r.path("store/release-1/runsc"), os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteAt([]byte("P"), 0)
		must(t, errors.Join(err, f.Close()))
	})
	hinted("a file chmod", false, func() { must(t, os.Chmod(r.path("store/release-1/runsc"), 0o755)) })
	hinted("a new directory", false, func() { r.mkdir("store/.hidden") })
	hinted("a file in it", false, func() { r.write("store/.hidden/runsc", "") })
	hinted("the directory renamed", false, func() { r.move("store/.hidden", "store/release-2") })
	hinted("a file in it edited", false, func() { r.edit("store/release-2/runsc") })
	hinted("directories moved in", false, func() { r.move("made/a", "store/a") })
	hinted("a file in them edited", false, func() { r.edit("store/a/b/file") })
	hinted("a directory replaced", false, func() {
		r.remove("store/release-2")
		r.mkdir("store/release-2")
		r.write("store/release-2/runsc", "")
	})
	hinted("a file in it edited", false, func() { r.edit("store/release-2/runsc") })
	hinted("a directory removed", false, func() { r.remove("store/release-1") })
	hinted("moved out", false, func() { r.move("store/a", "made/a") })
	r.expect("a file of what was moved out edited", false, func() { r.edit("made/a/b/file") })
	hinted("all removed", true, func() { r.remove("store") })
	hinted("made again", false, func() { r.mkdir("store/release-3/sub"); r.write("store/release-3/sub/runsc", "") })
	hinted("a file in it edited", false, func() { r.edit("store/release-3/sub/runsc") })
	r.tidy()
}

func TestATreeThatIsTooLargeIsAnErrorAndLostOnce(t *testing.T) {
	r := newRig(t)
	r.mkdir("tree")
	r.set(Target{Path: "tree", Tree: true}, Target{Path: "good"})
	for n := range maxDirs {
		r.mkdir(filepath.Join("tree", strconv.Itoa(n)))
	}
	r.expect("another target", true, func() { r.write("good", "") }, "good", "tree")
	if err := r.Watch(r.targets); !errors.Is(err, errTooLarge) {
		t.Errorf("error: got %v, want %v", err, errTooLarge)
	}
	if got := r.pending(); got.Lost {
		t.Errorf("hint: got %v, want none", got)
	}
	r.expect("one less", false, func() { r.remove("tree/0") }, "tree")
	must(t, r.Watch(r.targets))
}
