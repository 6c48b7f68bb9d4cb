// Package watch guarantees that every change of a watched file that this kernel
// reports, from the moment Watch is called, is followed by a Hint, so that a
// caller need not poll.
//
// That covers a target and every directory and symlink on the way to it: an
// edit in place, a change of mode or owner, a rename over it, its creation and
// removal, even if the directories were missing, moved away or replaced. If the
// package may have missed something, the Hint says Lost. At most one Hint is
// pending, however much happens.
//
// A Hint may come although nothing has changed, and never says what has
// changed. The package never opens, reads, locks or writes a target, and never
// watches a file, because a watch on a file ends with the first rename over it.
// Only Settled opens a file, for reading, and it never keeps another program
// from writing it.
//
// The kernel does not report some changes: writes through a shared mapping and
// writes by another machine on a network file system (inotify(7), "Limitations
// and caveats"), writes through another name of the same file (a hard link, or
// the source of a mount), attributes set by chattr(1) (a Stamp has them), and a
// mount on the way to a target, which the next Watch finds. A caller that must
// not miss these has to look from time to time.
package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// Target is a path to watch.
type Target struct {
	Path string // absolute
	// Tree means a directory with everything below it, up to 1000 directories
	// and 20000 entries; symlinks in it are not followed. Without Tree it is a
	// file, or a symlink, which is followed, up to 40 links.
	Tree bool
	// Except is a prefix: entries in the top directory of a tree whose names
	// begin with it are left out, with everything below them; "" excludes none.
	// Their creation and removal is still noticed.
	Except string
}

// Files are targets for files.
func Files(paths ...string) (targets []Target) {
	for _, path := range paths {
		targets = append(targets, Target{Path: path})
	}
	return targets
}

// A Watcher watches the directories of targets, those above them up to "/", and
// those in trees. It has one inotify instance, from the first Watch on. Several
// goroutines may call its methods.
type Watcher struct {
	inotify    *fsnotify.Watcher                              // nil until there is one; protected by mu
	newInotify func(buffered uint) (*fsnotify.Watcher, error) // fsnotify.NewBufferedWatcher, except in tests
	hints      chan Hint
	trouble    chan struct{}          // capacity 1: fsnotify has complained
	taken      func([]fsnotify.Event) // for tests: called before events are considered
	running    sync.WaitGroup
	closing    sync.Once

	mu      sync.Mutex
	closed  bool
	targets []Target
	dirs    map[string]inode    // the directories that are watched
	ways    map[string][]string // names on the way to targets, including the targets, with the targets
	trees   map[string][]string // directories of trees, with the targets
	failed  map[string]bool     // what could not be watched, already reported as Lost
}

// backlog is how many events are taken at a time, so that a burst of events
// causes only one look at the directories. The kernel's queue has 16384
// (fs.inotify.max_queued_events).
const backlog = 512

// New makes a Watcher without targets.
func New() *Watcher { return newWatcher(func([]fsnotify.Event) {}) }

func newWatcher(taken func([]fsnotify.Event)) *Watcher {
	return &Watcher{newInotify: fsnotify.NewBufferedWatcher, hints: make(chan Hint, 1), trouble: make(chan struct{}, 1), taken: taken, dirs: map[string]inode{}}
}

// open opens the inotify instance, unless there is one. The caller holds mu.
func (w *Watcher) open() error {
	if w.inotify != nil {
		return nil
	}
	inotify, err := w.newInotify(backlog)
	if errors.Is(err, unix.EMFILE) {
		return fmt.Errorf("watch: %w (fs.inotify.max_user_instances may be in use)", err)
	}
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	w.inotify = inotify
	w.running.Add(2)
	go w.events()
	go w.complaints()
	return nil
}

// Watch sets the targets. The caller should call it again after every look: it
// then finds changes of the directories that made no event. If there are none,
// it costs one lstat(2) for each name on the way to a target and one readdir(3)
// for each directory of a tree.
//
// There is a Hint for each new target, and for each target with directories
// that had to be watched again, since earlier changes in them are unknown. The
// error names each directory that cannot be watched (ENOSPC:
// fs.inotify.max_user_watches are in use) and each tree that is too large;
// everything else is still watched. If there is no inotify instance (EMFILE),
// nothing is watched, and the next Watch tries again.
func (w *Watcher) Watch(targets []Target) error {
	for _, target := range targets {
		if !filepath.IsAbs(target.Path) {
			return fmt.Errorf("watch %s: it is not an absolute path", target.Path)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return fmt.Errorf("watch: %w", os.ErrClosed)
	}
	if err := w.open(); err != nil {
		return err
	}
	var hint Hint
	for _, target := range targets {
		if !slices.Contains(w.targets, target) {
			hint.add(target.Path)
		}
	}
	w.targets = slices.Clone(targets)
	found, err := w.survey()
	hint.merge(found)
	w.offer(hint)
	return err
}

// Hints delivers what may have changed since the last Hint was taken. Close
// closes it.
func (w *Watcher) Hints() <-chan Hint { return w.hints }

// Close ends all watches. When it returns, no goroutine of the Watcher runs.
func (w *Watcher) Close() error {
	var err error
	w.closing.Do(func() {
		w.mu.Lock()
		w.closed = true
		inotify := w.inotify
		w.mu.Unlock()
		if inotify != nil {
			err = inotify.Close()
		}
		w.running.Wait()
		close(w.hints)
	})
	return err
}
