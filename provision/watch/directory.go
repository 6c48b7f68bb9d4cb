package watch

import (
	"golang.org/x/sys/unix"
)

// inode tells a directory from another that has its name.
type inode struct{ dev, ino uint64 }

// inodeOf is the inode of the directory at path, which no symlink may stand for.
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

// enter sees to it that a directory on the way to target, or in its tree, is
// watched, and gives the name that events in it will have. That is another one
// where two names lead to one directory (a bind mount): inotify has one watch for
// an inode, and fsnotify one name for a watch.
func (s *survey) enter(dir, target string) string {
	id, err := inodeOf(dir)
	if err != nil {
		s.fail(dir, target, err)
		return dir
	}
	if name, met := s.met[id]; met {
		dir = name
	} else if err := s.hold(dir, id); err != nil {
		s.fail(dir, target, err)
		return dir
	}
	if s.fresh[dir] {
		s.hint.add(target)
	}
	return dir
}

// holdTries is how often a directory is watched anew that is replaced meanwhile.
const holdTries = 3

// hold watches the directory at dir, unless it is watched already.
func (s *survey) hold(dir string, id inode) error {
	before, known := s.w.dirs[dir]
	if known && before == id && s.alive[dir] {
		s.met[id] = dir
		return nil
	}
	if name, held := s.held[id]; held && s.w.dirs[name] == id {
		s.w.drop(name) // a second watch of the inode would be reported by its first name
	}
	for try := 1; ; try++ {
		// fsnotify keeps watches by name: it would leave the old one in the kernel.
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
	if known && len(s.ways[dir]) > 0 {
		s.hint.Lost = true
	}
	return nil
}

// drop ends the watch of a directory, if there is one: fsnotify has dropped it
// already when the directory was moved or removed.
func (w *Watcher) drop(dir string) {
	_ = w.inotify.Remove(dir)
	delete(w.dirs, dir)
}
