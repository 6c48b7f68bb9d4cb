package watch

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

func TestHintsNotTakenBecomeOne(t *testing.T) {
	r := newRig(t)
	r.offer(Hint{Paths: []string{"b"}, Lost: true})
	r.offer(Hint{Paths: []string{"a", "b"}})
	r.offer(Hint{})
	if got, want := r.pending(), []string{"a", "b"}; !slices.Equal(got.Paths, want) || !got.Lost {
		t.Errorf("first: got %v, want %v and Lost", got, want)
	}
	if got := r.pending(); got.Paths != nil || got.Lost {
		t.Errorf("second: got %v, want none", got)
	}
}

// held is a hook that keeps the Watcher from considering events until released.
type held struct {
	armed   atomic.Bool
	taken   chan struct{}
	release chan struct{}
}

func newHeld() *held { return &held{taken: make(chan struct{}), release: make(chan struct{})} }

func (h *held) hook() {
	if h.armed.CompareAndSwap(true, false) {
		close(h.taken)
		<-h.release
	}
}

// hold makes an event that concerns no target, and waits until the hook holds
// it.
func (h *held) hold(r *rig, dir string) {
	r.write(filepath.Join(dir, "noise 0"), "")
	r.write(filepath.Join(dir, "noise 1"), "")
	h.armed.Store(true)
	r.noise(dir, 1)
	<-h.taken
}

// noise makes count events that concern no target. The kernel drops an event
// that is equal to the last.
func (r *rig) noise(dir string, count int) {
	for n := range count {
		must(r.T, os.Chtimes(r.path(dir, "noise "+strconv.Itoa(n%2)), time.Time{}, time.Now()))
	}
}

func TestAQueueThatRunsOverIsLostAndAllIsWatchedAgain(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	must(t, err)
	limit, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(t, err)

	hook := newHeld()
	r := newRigTaking(t, func([]fsnotify.Event) { hook.hook() })
	existing(r)
	r.set(Target{Path: "etc/docker/daemon.json"})
	hook.hold(r, "etc/docker")
	// fsnotify has read at most 2048 of them, and has sent as many as it can.
	r.noise("etc/docker", limit+backlog+4096)
	// This change makes no event.
	r.move("etc/docker", "etc/docker.old")
	existing(r)
	close(hook.release)
	hint := r.next()
	for !hint.Lost {
		hint = r.next()
	}
	for _, target := range r.targets {
		if !slices.Contains(hint.Paths, target.Path) {
			t.Errorf("got %v, want %s in it", hint, target.Path)
		}
	}
	r.during(func() {})
	r.expect("a file in the new directory edited", false, func() { r.edit("etc/docker/daemon.json") }, "etc/docker/daemon.json")
}

// The kernel's watch of the old directory must end too, although fsnotify gets
// no event about it.
func TestADirectoryFurtherUpReplacedUnnoticed(t *testing.T) {
	hook := newHeld()
	r := newRigTaking(t, func([]fsnotify.Event) { hook.hook() })
	existing(r)
	r.set(Target{Path: "etc/docker/daemon.json"})
	hook.hold(r, ".")
	r.move("etc", "etc.old")
	existing(r)
	close(hook.release)
	r.expect("replaced", true, func() {}, "etc/docker/daemon.json")
	r.expect("edited", false, func() { r.edit("etc/docker/daemon.json") }, "etc/docker/daemon.json")
	r.tidy()
}

// fsnotify reports this error while it holds its lock, and waits until it is
// received.
func TestADirectoryThatIsMovedAndGoneAtOnceBlocksNothing(t *testing.T) {
	hook := newHeld()
	r := newRigTaking(t, func([]fsnotify.Event) { hook.hook() })
	gone := filepath.Join(t.TempDir(), "gone")
	r.mkdir("etc/docker")
	r.set(Target{Path: "etc/docker/daemon.json"})
	hook.hold(r, "etc")
	// More than fsnotify can send, so that the directory is gone when fsnotify
	// gets to it.
	r.noise("etc", 2*backlog)
	must(t, os.Rename(r.path("etc/docker"), gone))
	must(t, os.Remove(gone))
	// Instead of the hook, an Add that waits for fsnotify's lock could hold the
	// events here.
	await(t, "a complaint is heard", func() bool {
		select {
		case <-r.inotify.Events:
		default:
		}
		return len(r.trouble) > 0
	})
	close(hook.release)
	var all Hint
	for !slices.Contains(all.Paths, r.barriers[0]) { // at which only what follows a complaint has hinted
		all.merge(r.next())
	}
	if !all.Lost {
		t.Errorf("got %v, want Lost", all)
	}
	r.expect("made again", false, func() { r.mkdir("etc/docker") }, "etc/docker/daemon.json")
}

func TestCloseLeavesNothing(t *testing.T) {
	goroutines, descriptors := running(), inotifies(t)
	w := New()
	dir := t.TempDir()
	must(t, w.Watch([]Target{{Path: filepath.Join(dir, "file")}}))
	if got, want := inotifies(t), descriptors+1; got != want {
		t.Errorf("inotify descriptors: got %d, want %d", got, want)
	}
	// Keep its goroutines busy.
	for n := range 1000 {
		must(t, os.WriteFile(filepath.Join(dir, []string{"file", "other"}[n%2]), nil, 0o600))
	}
	must(t, w.Close())
	must(t, w.Close())
	for range w.Hints() { // ends: it is closed
	}
	if err := w.Watch(nil); err == nil {
		t.Error("Watch after Close: got no error")
	}
	if got := inotifies(t); got != descriptors {
		t.Errorf("inotify descriptors: got %d, want %d", got, descriptors)
	}
	// A goroutine that has signalled its end may still be running.
	await(t, "no goroutine is left", func() bool { return running() == goroutines })
}

// Without an inotify instance nothing is watched, and each Watch tries again. What changed meanwhile is hinted at.
func TestFault_X16_NoInotifyInstanceIsLeft(t *testing.T) {
	w := New()
	w.newInotify = func(uint) (*fsnotify.Watcher, error) { return nil, unix.EMFILE }
	target := Target{Path: filepath.Join(t.TempDir(), "file")}
	for range 2 {
		if err := w.Watch([]Target{target}); !errors.Is(err, unix.EMFILE) {
			t.Errorf("got %v, want %v", err, unix.EMFILE)
		}
	}
	select {
	case hint := <-w.Hints():
		t.Errorf("got %v, want no hint", hint)
	default:
	}
	w.newInotify = fsnotify.NewBufferedWatcher
	must(t, w.Watch([]Target{target}))
	if hint := <-w.Hints(); !slices.Contains(hint.Paths, target.Path) {
		t.Errorf("got %v, want a hint at %s", hint, target.Path)
	}
	must(t, os.WriteFile(target.Path, nil, 0o600))
	<-w.Hints()
	must(t, w.Close())
}

func TestCloseWithoutAnInotifyInstance(t *testing.T) {
	w := New()
	must(t, w.Close())
	for range w.Hints() {
	}
}

func TestCloseWaitsForEventsBeingConsidered(t *testing.T) {
	hook := newHeld()
	r := newRigTaking(t, func([]fsnotify.Event) { hook.hook() })
	r.set(Target{Path: "file"})
	hook.hold(r, ".")
	var closed atomic.Bool
	go func() {
		_ = r.Close()
		closed.Store(true)
	}()
	await(t, "Close waits", func() bool {
		return closed.Load() || slices.ContainsFunc(stacks(), func(stack string) bool {
			return strings.Contains(stack, "sync.(*WaitGroup).Wait") && strings.Contains(stack, "watch.(*Watcher).Close")
		})
	})
	if closed.Load() {
		t.Error("Close did not wait")
	}
	close(hook.release)
	await(t, "Close returns", closed.Load)
}

// fsnotify joins the directory "/" and a name with a slash.
func TestAnEventInTheRootDirectory(t *testing.T) {
	r := newRig(t)
	top := "/" + strings.Split(r.dir, "/")[1]
	r.set(Target{Path: "file"})
	r.consider([]fsnotify.Event{{Name: "/" + top, Op: fsnotify.Chmod}})
	if got := r.pending(); !slices.Contains(got.Paths, r.path("file")) {
		t.Errorf("got %v, want %s in it", got, r.path("file"))
	}
}

// running counts the goroutines of this package and of fsnotify.
func running() int {
	return len(slices.DeleteFunc(stacks(), func(stack string) bool {
		return !strings.Contains(stack, "watch.(*Watcher).") && !strings.Contains(stack, "fsnotify.(*")
	}))
}

// stacks returns the stack of each goroutine.
func stacks() []string {
	text := make([]byte, 1<<20)
	return strings.Split(string(text[:runtime.Stack(text, true)]), "\n\n")
}

func inotifies(t *testing.T) int { return len(descriptors(t, "anon_inode:inotify")) }
