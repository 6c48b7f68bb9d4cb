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

// maxLinks is how many symlinks are followed on the way to one target: as many
// as the kernel follows (path_resolution(7)).
const maxLinks = 40

// survey is one walk from "/" to every target, as the kernel would walk, which
// puts the watches in order on its way. A directory is watched before anything in
// it is looked at: what comes into being behind the walk's back makes an event.
type survey struct {
	w      *Watcher
	alive  map[string]bool  // what fsnotify watches; it drops what is moved, removed or unmounted
	held   map[inode]string // what was watched before
	met    map[inode]string // the directories met, by the name they are watched by
	fresh  map[string]bool  // those whose watch is of this walk
	ways   map[string][]string
	trees  map[string][]string
	failed map[string]bool
	errs   []error
	hint   Hint
}

// survey puts the watches in order, and hints at each target whose watches were
// not.
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
	s.leave()
	w.ways, w.trees, w.failed = s.ways, s.trees, s.failed
	return s.hint, errors.Join(s.errs...)
}

// follow walks to one target, as far as there is a way.
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
			note(s.ways, filepath.Join(watched, name), target.Path)
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
		s.spread(dir, target)
	}
}

// spread watches a directory and all below it.
func (s *survey) spread(root string, target Target) {
	err := walk(target, root, func(dir string) { note(s.trees, s.enter(dir, target.Path), target.Path) }, func(string) {})
	if err != nil {
		s.fail(root, target.Path, err)
	}
}

// leave ends the watches of directories that were not met. A directory that is
// still on the way, but is none any more, is lost.
func (s *survey) leave() {
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

// fail notes what is in the way of watching target: a Hint says so once, and each
// Watch again. What is not there is not in the way.
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

// note adds target to those that have name.
func note(names map[string][]string, name, target string) {
	if all := names[name]; len(all) == 0 || all[len(all)-1] != target { // targets come one after another
		names[name] = append(all, target)
	}
}
