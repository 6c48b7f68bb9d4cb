// Package watch says that files may have changed, so that they need not be
// looked at all the time.
//
// It guarantees that whatever this kernel does to a target, or to a directory or
// a symlink on the way to it, from the moment Watch is called is followed by a
// Hint with that target: an edit in place, another mode or owner, a rename over
// it, its creation and removal, and the same of any directory above it, even if
// the directories were not there, were moved away, or were replaced. When it
// cannot know that it missed nothing, it says Lost. It costs the caller one
// pending Hint, however much happens.
//
// A Hint is a hint: it may come when nothing has changed, and never says what
// has. The package never opens, reads, locks or writes a target, and never
// watches a file, since a watch on a file ends with the first rename over it.
// Settled alone opens one, for reading, and never keeps it from being written.
//
// There are changes that the kernel tells nobody of: writes through a shared
// mapping, and those of another machine on a network file system (inotify(7),
// "Limitations and caveats"), writes by another name of the same file (a hard link,
// or where it is mounted from), attributes that chattr(1) sets (but a Stamp has
// them), and that something was mounted on the way, which the next Watch sees.
// Whoever cannot miss them looks from time to time.
package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// Target is a path to be watched.
type Target struct {
	Path string // absolute
	// Tree makes it a directory with all below it, up to 1000 directories and
	// 20000 entries; symlinks in it are not followed. Else it is a file or a
	// symlink, which is followed to what it leads to, up to 40 links.
	Tree bool
	// Except is how the names begin of entries of a tree's own directory that are
	// left out, with all below them; "" is none. That they come and go is noticed.
	Except string
}

// Watcher watches the directories in which targets are, those above them up to
// "/", and those in trees. It has one inotify instance. Its methods may be called
// at the same time.
type Watcher struct {
	inotify *fsnotify.Watcher
	hints   chan Hint
	trouble chan struct{}          // capacity 1: fsnotify has complained
	taken   func([]fsnotify.Event) // for tests: these are about to be considered
	running sync.WaitGroup
	closing sync.Once

	mu      sync.Mutex
	closed  bool
	targets []Target
	dirs    map[string]inode    // the directories that are watched
	ways    map[string][]string // names on the way to targets, the last ones too, with the targets
	trees   map[string][]string // directories of trees, with the targets
	failed  map[string]bool     // what could not be watched, and was said to be Lost
}

// backlog is how many events are taken at once, so that a burst of them has the
// directories looked at once. The kernel's queue has 16384
// (fs.inotify.max_queued_events).
const backlog = 512

// New makes a Watcher without targets. Its error is that of inotify_init(2).
func New() (*Watcher, error) { return start(func([]fsnotify.Event) {}) }

func start(taken func([]fsnotify.Event)) (*Watcher, error) {
	inotify, err := fsnotify.NewBufferedWatcher(backlog)
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	w := &Watcher{inotify: inotify, hints: make(chan Hint, 1), trouble: make(chan struct{}, 1), taken: taken, dirs: map[string]inode{}}
	w.running.Add(2)
	go w.events()
	go w.complaints()
	return w, nil
}

// Watch sets the targets. It is for the caller to call again after every look:
// what has become of the directories since, without an event, is seen then. When
// nothing has, it costs one lstat(2) for each name on the way to a target and one
// readdir(3) for each directory of a tree.
//
// There is a Hint for each target that is new, and for each whose directories
// had to be watched anew: what happened before they were is not known. An error
// names each directory that cannot be watched (ENOSPC: fs.inotify.max_user_watches
// are in use) or a tree that has too much in it; all else is watched nevertheless.
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
	var hint Hint
	for _, target := range targets {
		if !slices.Contains(w.targets, target) {
			hint.add(target.Path)
		}
	}
	w.targets = slices.Clone(targets)
	found, err := w.survey()
	hint.merge(found)
	w.give(hint)
	return err
}

// Hints has what may have changed since the last Hint was taken from it. It is
// closed by Close.
func (w *Watcher) Hints() <-chan Hint { return w.hints }

// Close ends all watches. When it returns nothing of the Watcher runs any more.
func (w *Watcher) Close() error {
	var err error
	w.closing.Do(func() {
		w.mu.Lock()
		w.closed = true
		w.mu.Unlock()
		err = w.inotify.Close()
		w.running.Wait()
		close(w.hints)
	})
	return err
}
