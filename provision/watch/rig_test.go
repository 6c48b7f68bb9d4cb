package watch

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// patience is how long a test waits before it fails.
const patience = time.Minute

// A rig is a Watcher of targets in a directory of the test, and of two
// barriers.
type rig struct {
	*testing.T
	*Watcher
	dir      string
	targets  []Target
	barriers [2]string
	turn     int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigTaking(t, func([]fsnotify.Event) {})
}

func newRigTaking(t *testing.T, taken func([]fsnotify.Event)) *rig {
	t.Helper()
	w := newWatcher(taken)
	r := &rig{T: t, Watcher: w, dir: t.TempDir()}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	aside := t.TempDir()
	for i, name := range []string{"barrier 0", "barrier 1"} {
		r.barriers[i] = filepath.Join(aside, name)
		must(t, os.WriteFile(r.barriers[i], nil, 0o600))
	}
	return r
}

// set sets the targets and takes the hint that follows. Paths are in r.dir.
func (r *rig) set(targets ...Target) {
	r.Helper()
	r.targets = nil
	for _, target := range targets {
		r.targets = append(r.targets, Target{Path: r.path(target.Path), Tree: target.Tree, Except: target.Except})
	}
	for _, barrier := range r.barriers {
		r.targets = append(r.targets, Target{Path: barrier})
	}
	must(r.T, r.Watch(r.targets))
	for _, target := range r.targets {
		if hint := r.pending(); !slices.Contains(hint.Paths, target.Path) {
			r.Fatalf("hint after the first Watch: got %v, want one with %s", hint, target.Path)
		} else {
			r.offer(hint)
		}
	}
	r.pending()
}

// pending takes the pending hint.
func (r *rig) pending() Hint {
	select {
	case hint := <-r.Hints():
		return hint
	default:
		return Hint{}
	}
}

func (r *rig) next() Hint {
	r.Helper()
	select {
	case hint := <-r.Hints():
		return hint
	case <-time.After(patience):
		r.Fatal("no hint")
		return Hint{}
	}
}

// during returns all hints that act causes. The kernel keeps events in order,
// so the events of act have been considered once there is a hint for a barrier
// that was written after it. That write is one event, which causes no look at
// directories. The barriers take turns because a lost queue hints at both.
func (r *rig) during(act func()) Hint {
	r.Helper()
	act()
	barrier := r.barriers[r.turn]
	r.turn = 1 - r.turn
	appendTo(r.T, barrier)
	var all Hint
	for !slices.Contains(all.Paths, barrier) {
		all.merge(r.next())
	}
	all.Paths = slices.DeleteFunc(all.Paths, func(path string) bool { return slices.Contains(r.barriers[:], path) })
	return all
}

// expect fails the test unless act causes hints for exactly the targets with
// these paths in r.dir.
func (r *rig) expect(what string, lost bool, act func(), paths ...string) {
	r.Helper()
	want := Hint{Lost: lost}
	for _, path := range paths {
		want.add(r.path(path))
	}
	if got := r.during(act); !slices.Equal(got.Paths, want.Paths) || got.Lost != want.Lost {
		r.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func (r *rig) path(elem ...string) string { return filepath.Join(r.dir, filepath.Join(elem...)) }

func (r *rig) write(name, text string) { must(r.T, os.WriteFile(r.path(name), []byte(text), 0o600)) }

func (r *rig) mkdir(name string) { must(r.T, os.MkdirAll(r.path(name), 0o700)) }

func (r *rig) move(from, to string) { must(r.T, os.Rename(r.path(from), r.path(to))) }

func (r *rig) remove(name string) { must(r.T, os.RemoveAll(r.path(name))) }

func (r *rig) link(text, name string) { must(r.T, os.Symlink(text, r.path(name))) }

// edit appends one byte, which is one event.
func (r *rig) edit(name string) { appendTo(r.T, r.path(name)) }

func appendTo(t *testing.T, path string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.WriteString("x")
	must(t, err)
	must(t, f.Close())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await returns when done returns true.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// tidy fails the test unless the kernel has a watch for each directory and no
// other: proc_pid_fdinfo(5) has a line for each.
func (r *rig) tidy() {
	r.Helper()
	r.during(func() {})
	r.mu.Lock()
	want := len(r.dirs)
	r.mu.Unlock()
	got := 0
	for _, fd := range descriptors(r.T, "anon_inode:inotify") {
		info, err := os.ReadFile("/proc/self/fdinfo/" + filepath.Base(fd))
		must(r.T, err)
		got += strings.Count(string(info), "inotify wd:")
	}
	if got != want {
		r.Errorf("watches of the kernel: got %d, want %d", got, want)
	}
}

// descriptors counts this process's descriptors that are open to a file with
// this name.
func descriptors(t *testing.T, name string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	must(t, err)
	return slices.DeleteFunc(links, func(link string) bool {
		to, err := os.Readlink(link)
		return err != nil || to != name
	})
}
