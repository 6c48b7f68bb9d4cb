package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// settleWithin bounds the wait for writers: somebody may keep a file open
	// for as long as he likes.
	settleWithin = 2 * time.Second
	// Closing a file makes no event that fsnotify passes on, so it is asked for:
	// after a millisecond, and then less and less often.
	firstPause   = time.Millisecond
	longestPause = 50 * time.Millisecond
	// Where the kernel does not say who writes, a file is settled that has not
	// changed for a while: writes of one program follow each other in less.
	still      = 25 * time.Millisecond
	stillEvery = 5 * time.Millisecond
)

// Settled returns when nobody has the file at path open for writing, so that a
// file which is still being written is left alone, and one that is finished is
// not waited for. A symlink is followed. It waits for two seconds, and then the
// error is ErrWriting. What is not there, or is not
// a regular file, is settled, and so is what cannot be looked at: the caller's
// look has the error. The only other error is that of ctx.
func Settled(ctx context.Context, path string) error { return settled(ctx, path, pause) }

func settled(ctx context.Context, path string, pause func(context.Context, time.Duration) error) error {
	for waited, next := time.Duration(0), firstPause; waited < settleWithin; waited, next = waited+next, min(2*next, longestPause) {
		switch writersOf(path) {
		case none:
			return nil
		case unknown:
			return unchanged(ctx, path, settleWithin-waited, pause)
		}
		if err := pause(ctx, next); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: %w", path, ErrWriting)
}

// ErrWriting says that somebody keeps a file open for writing.
var ErrWriting = errors.New("somebody has it open for writing")

// writers is whether somebody has a file open for writing.
type writers int

const (
	unknown writers = iota
	none
	some
)

// writersOf asks for a read lease, which the kernel gives only for a file that
// nobody has open for writing, this process included: the error is EAGAIN then
// (fcntl(2), "Leases"). Only the file's owner and who has CAP_LEASE may ask
// (EACCES), and not every file system has leases (EINVAL).
//
// The lease is given back at once. Who opens the file for writing in these
// microseconds is blocked by open(2) until then, or has EWOULDBLOCK if he asked
// for O_NONBLOCK, and the kernel sends this process a SIGIO, of which a Go program
// takes no notice: os/signal, "Default behavior of signals in Go programs" (it is
// caught, but no action is taken), and runtime/sigtab_linux_generic.go (SIGIO is
// _SigNotify and nothing else).
func writersOf(path string) writers {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return none
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return none
	case errors.Is(err, unix.EWOULDBLOCK): // somebody has a write lease
		return some
	case err != nil:
		return unknown
	}
	defer unix.Close(fd)
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return some
	case err != nil:
		return unknown
	}
	// Closing would do, were it not that a child of this process may have the
	// descriptor until it executes its program.
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
	return none
}

// version is what tells one state of a file from the next without reading it.
type version struct {
	size         int64
	mtime, ctime unix.Timespec
}

// unchanged returns when the file has not changed for a while, or is not there.
func unchanged(ctx context.Context, path string, within time.Duration, pause func(context.Context, time.Duration) error) error {
	var last version
	same := time.Duration(0)
	for waited := time.Duration(0); ; waited += stillEvery {
		var stat unix.Stat_t
		if unix.Stat(path, &stat) != nil {
			return nil
		}
		now := version{size: stat.Size, mtime: stat.Mtim, ctime: stat.Ctim}
		if now != last {
			last, same = now, 0
		}
		if same >= still || waited >= within {
			return nil
		}
		if err := pause(ctx, stillEvery); err != nil {
			return err
		}
		same += stillEvery
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
