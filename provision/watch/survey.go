package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symlinks are followed on the way to one target, the
// kernel's limit (path_resolution(7)).
const maxLinks = 40

// A survey is one walk from "/" to every target, in the way of the kernel, that
// updates the watches. It watches a directory before it looks at an entry, so
// whatever appears after the look makes an event.
type survey struct {
	w      *Watcher
	alive  map[string]bool  // what fsnotify watches; it drops directories that are moved, removed or unmounted
	held   map[inode]string // the directories watched before
	met    map[inode]string // the directories met, with the name under which each is watched
	fresh  map[string]bool  // those that this walk began to watch
	ways   map[string][]string
	trees  map[string][]string
	failed map[string]bool
	errs   []error
	hint   Hint
}

// survey updates the watches, and hints at each target whose watches had to
// change.
func (w *Watcher) survey() (Hint, error) {
	s := &survey{
		w: w, alive: map[string]bool{}, held: map[inode]string{}, met: map[inode]string{}, fresh: map[string]bool{},
		ways: map[string][]string{}, trees: map[string][]string{}, failed: map[string]bool{},
	}
	for _, dir := range w.inotify.WatchList() {
		s.alive[dir] = true
	}
	for dir, id := range w.dirs {
		s.held[id] = dir
	}
	for _, target := range w.targets {
		s.follow(target)
	}
	s.dropUnmet()
	w.ways, w.trees, w.failed = s.ways, s.trees, s.failed
	return s.hint, errors.Join(s.errs...)
}

// follow walks to one target, as far as its path exists.
func (s *survey) follow(target Target) {
	dir, rest, links := "/", strings.Split(target.Path, "/"), 0
	watched := s.enter(dir, target.Path)
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		path := filepath.Join(dir, name)
		if name != ".." {
			addTarget(s.ways, filepath.Join(watched, name), target.Path)
		}
		info, err := os.Lstat(path)
		if err != nil {
			s.fail(path, target.Path, err)
			return
		}
		switch info.Mode().Type() {
		case fs.ModeDir:
			dir = path
			if len(rest) > 0 {
				watched = s.enter(dir, target.Path)
			}
		case fs.ModeSymlink:
			text, err := os.Readlink(path)
			if links++; err == nil && links > maxLinks {
				err = unix.ELOOP
			}
			if err != nil {
				s.fail(path, target.Path, err)
				return
			}
			rest = append(strings.Split(text, "/"), rest...)
			if filepath.IsAbs(text) {
				dir, watched = "/", s.enter("/", target.Path)
			}
		default:
			return
		}
	}
	if target.Tree {
		s.watchTree(dir, target)
	}
}

// watchTree watches a directory and everything below it.
func (s *survey) watchTree(root string, target Target) {
	err := walk(target, root, func(dir string) { addTarget(s.trees, s.enter(dir, target.Path), target.Path) }, func(string) {})
	if err != nil {
		s.fail(root, target.Path, err)
	}
}

// dropUnmet ends the watches of directories that were not met. If such a name is
// still on the way to a target, but no longer a directory, the Hint is Lost.
func (s *survey) dropUnmet() {
	for dir, id := range s.w.dirs {
		if s.met[id] == dir {
			continue
		}
		s.w.drop(dir)
		if targets := s.ways[dir]; len(targets) > 0 {
			s.hint.merge(Hint{Paths: targets, Lost: true})
		}
	}
}

// fail records what prevents watching target: one Hint reports it, and every
// Watch. A missing file or directory is not a failure.
func (s *survey) fail(at, target string, err error) {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return
	}
	if !s.w.failed[at] {
		s.hint.merge(Hint{Paths: []string{target}, Lost: true})
	}
	if !s.failed[at] {
		s.failed[at] = true
		s.errs = append(s.errs, fmt.Errorf("watch %s: %w", at, err))
	}
}

// addTarget adds target to those with name.
func addTarget(names map[string][]string, name, target string) {
	if all := names[name]; len(all) == 0 || all[len(all)-1] != target { // each target is walked to only once
		names[name] = append(all, target)
	}
}
