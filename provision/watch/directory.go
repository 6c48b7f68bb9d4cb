package watch

import (
	"golang.org/x/sys/unix"
)

// An inode distinguishes a directory from another one with the same name.
type inode struct{ dev, ino uint64 }

// inodeOf returns the inode of the directory at path, which must not be a
// symlink.
func inodeOf(path string) (inode, error) {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return inode{}, err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		return inode{}, unix.ENOTDIR
	}
	return inode{dev: stat.Dev, ino: stat.Ino}, nil
}

// enter makes sure that a directory on the way to target, or in its tree, is
// watched, and returns the name that its events will have. That is a different
// name if two names lead to one directory (a bind mount): inotify has one watch
// for an inode, and fsnotify one name for a watch.
func (s *survey) enter(dir, target string) string {
	id, err := inodeOf(dir)
	if err != nil {
		s.fail(dir, target, err)
		return dir
	}
	if name, met := s.met[id]; met {
		dir = name
	} else if err := s.watchDir(dir, id); err != nil {
		s.fail(dir, target, err)
		return dir
	}
	if s.fresh[dir] {
		s.hint.add(target)
	}
	return dir
}

// holdTries is how often to try to watch a directory that keeps being replaced.
const holdTries = 3

// watchDir watches the directory at dir, unless it is already watched.
func (s *survey) watchDir(dir string, id inode) error {
	before, isWatched := s.w.dirs[dir]
	if isWatched && before == id && s.alive[dir] {
		s.met[id] = dir
		return nil
	}
	if name, held := s.held[id]; held && s.w.dirs[name] == id {
		s.w.drop(name) // events of a second watch would have the name of the first
	}
	for try := 1; ; try++ {
		// fsnotify stores watches by name and would leave the old one in the
		// kernel.
		s.w.drop(dir)
		if err := s.w.inotify.Add(dir); err != nil {
			return err
		}
		s.w.dirs[dir] = id
		now, err := inodeOf(dir)
		if err != nil {
			s.w.drop(dir)
			return err
		}
		if now == id || try == holdTries {
			break
		}
		id = now
	}
	s.met[id] = dir
	s.fresh[dir] = true
	if isWatched && len(s.ways[dir]) > 0 {
		s.hint.Lost = true
	}
	return nil
}

// drop ends the watch of a directory, if there is one: if the directory was
// moved or removed, fsnotify has already dropped it.
func (w *Watcher) drop(dir string) {
	_ = w.inotify.Remove(dir)
	delete(w.dirs, dir)
}
