package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// settleWithin limits the wait for writers: a program may keep a file open
	// for any time.
	settleWithin = 2 * time.Second
	// fsnotify does not report the closing of a file, so Settled polls: after a
	// millisecond, and then less and less often.
	firstPause   = time.Millisecond
	longestPause = 50 * time.Millisecond
	// If the kernel does not say whether there is a writer, a file counts as
	// settled once it has not changed for this long: a program's writes usually
	// follow each other faster.
	still      = 25 * time.Millisecond
	stillEvery = 5 * time.Millisecond
)

// Settled returns when no program has the file at path open for writing, so
// that the caller leaves a file alone that is still being written, and does not
// wait for a finished one. It follows a symlink. It waits for two seconds; then
// the error is ErrWriting. A missing file and anything but a regular file are
// settled, and so is a file that cannot be looked at: the caller will get that
// error. The only other error is that of ctx.
func Settled(ctx context.Context, path string) error { return settled(ctx, path, pause) }

func settled(ctx context.Context, path string, pause func(context.Context, time.Duration) error) error {
	for waited, next := time.Duration(0), firstPause; waited < settleWithin; waited, next = waited+next, min(2*next, longestPause) {
		switch writersOf(path) {
		case writersNone:
			return nil
		case writersUnknown:
			return unchanged(ctx, path, settleWithin-waited, pause)
		}
		if err := pause(ctx, next); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: %w", path, ErrWriting)
}

// ErrWriting means that a program keeps a file open for writing.
var ErrWriting = errors.New("another program has it open for writing")

// writers says whether a program has a file open for writing.
type writers int

const (
	writersUnknown writers = iota
	writersNone
	writersSome
)

// writersOf asks for a read lease. The kernel refuses it with EAGAIN if any
// process, including this one, has the file open for writing (fcntl(2),
// "Leases"). Only the file's owner and processes with CAP_LEASE may ask
// (EACCES), and not every file system has leases (EINVAL).
//
// The lease is returned at once. A program that opens the file for writing in
// these microseconds blocks in open(2) until then, or gets EWOULDBLOCK with
// O_NONBLOCK, and the kernel sends this process a SIGIO. A Go program ignores
// that: os/signal, "Default behavior of signals in Go programs" (it is caught,
// but no action is taken), and runtime/sigtab_linux_generic.go (SIGIO is
// _SigNotify and nothing else).
func writersOf(path string) writers {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return writersNone
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return writersNone
	case errors.Is(err, unix.EWOULDBLOCK): // another program has a write lease
		return writersSome
	case err != nil:
		return writersUnknown
	}
	defer unix.Close(fd)
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return writersSome
	case err != nil:
		return writersUnknown
	}
	// Closing is not enough: a child of this process may have the descriptor
	// until it executes its program.
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
	return writersNone
}

// A version distinguishes one state of a file from the next without reading it.
type version struct {
	size         int64
	mtime, ctime unix.Timespec
}

// unchanged returns when the file has not changed for a while, or is missing.
func unchanged(ctx context.Context, path string, limit time.Duration, pause func(context.Context, time.Duration) error) error {
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
		if same >= still || waited >= limit {
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
