package watch

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A Stamp represents the state of targets by stat(2). Two are equal if between
// them nothing was written, renamed, removed, replaced, or given another mode
// or owner.
type Stamp string

// The kernel dates changes by its last tick. Ticks are ten milliseconds apart
// at most, so a second write in the same tick may be invisible to stat (until
// Linux 6.13, and later on file systems without multigrain timestamps:
// Documentation/filesystems/multigrain-ts.rst). So a stamp is taken in a later
// tick than that of the last change.
const (
	tick      = 20 * time.Millisecond
	tickPause = time.Millisecond
)

// StampOf returns the stamp of targets. It covers for each the results of lstat
// and stat, the text of a symlink and its directory, and for a tree the same
// for everything below it, including hidden entries. It reads no file. If a
// target has just changed, it waits for the next tick. If states cannot be told
// apart (too large a tree, or a file that changes in every tick), the stamp is
// equal to no other.
func StampOf(targets []Target) Stamp {
	for end := time.Now().Add(tick); ; time.Sleep(tickPause) {
		// Before the look: a process that has to wait for a CPU after it has looked
		// once looks again.
		looked, now := time.Now(), coarse()
		s := stamp{digest: sha256.New()}
		for _, target := range targets {
			s.target(target)
		}
		recent := s.newest >= now && s.newest < now+tick.Nanoseconds()
		if recent && looked.Before(end) {
			continue
		}
		if recent || s.blurred {
			fmt.Fprintln(s.digest, rand.Text())
		}
		return Stamp(hex.EncodeToString(s.digest.Sum(nil)))
	}
}

// A stamp is a Stamp in the making.
type stamp struct {
	digest interface {
		io.Writer
		Sum([]byte) []byte
	}
	newest  int64 // the latest ctime, in nanoseconds
	blurred bool  // something could not be looked at
}

func (s *stamp) target(target Target) {
	fmt.Fprintf(s.digest, "%q %v\n", target.Path, target.Tree)
	s.entry(target.Path)
	var stat unix.Stat_t
	err := unix.Stat(filepath.Dir(target.Path), &stat)
	fmt.Fprintln(s.digest, "in", stat.Dev, stat.Ino, err)
	err = unix.Stat(target.Path, &stat)
	s.state(stat, err)
	if err != nil || !target.Tree || stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		return
	}
	err = walk(target, target.Path, func(string) {}, s.entry)
	fmt.Fprintln(s.digest, "end", err)
	s.blurred = s.blurred || errors.Is(err, errTooLarge)
}

// entry adds what lstat says about path, and where it leads if it is a symlink.
func (s *stamp) entry(path string) {
	var stat unix.Stat_t
	err := unix.Lstat(path, &stat)
	fmt.Fprintf(s.digest, "%q ", path)
	s.state(stat, err)
	if err != nil || stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		return
	}
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlink(path, text)
	fmt.Fprintf(s.digest, "to %q %v\n", text[:max(n, 0)], err)
}

func (s *stamp) state(stat unix.Stat_t, err error) {
	if err != nil {
		fmt.Fprintln(s.digest, err)
		return
	}
	s.newest = max(s.newest, stat.Ctim.Nano())
	fmt.Fprintln(s.digest, stat.Dev, stat.Ino, stat.Mode, stat.Uid, stat.Gid, stat.Size, stat.Mtim.Nano(), stat.Ctim.Nano())
}

// coarse returns the clock by which the kernel dates changes, in nanoseconds.
func coarse() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now); err != nil {
		return 0
	}
	return now.Nano()
}
