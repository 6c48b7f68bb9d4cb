package daemonfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// DirMissing reports whether the directory of a file is not there. One that is not
// to be seen is not gone.
func DirMissing(path string) bool {
	_, err := os.Stat(filepath.Dir(path))
	return errors.Is(err, fs.ErrNotExist)
}

// Await reports whether path is there, at the latest after within. The kernel
// tells when it comes; where it cannot, it is looked for now and then. The only
// error is that of ctx.
func Await(ctx context.Context, path string, within time.Duration) (bool, error) {
	there := func() bool {
		_, err := os.Lstat(path)
		return !errors.Is(err, fs.ErrNotExist)
	}
	end := time.Now().Add(within)
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil { // fs.inotify.max_user_instances are in use
		return poll(ctx, there, end)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	if err := events.SetReadDeadline(end); err != nil {
		return poll(ctx, there, end)
	}
	stop := context.AfterFunc(ctx, func() { _ = events.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for buffer := make([]byte, 64*(unix.SizeofInotifyEvent+unix.NAME_MAX+1)); ; {
		// Watched before it is looked for: what comes in between makes an event.
		if err := watchAbove(fd, path); err != nil {
			return poll(ctx, there, end)
		}
		if there() {
			return true, nil
		}
		if _, err := events.Read(buffer); err != nil {
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			return there(), nil
		}
	}
}

// watchAbove watches the closest directory above path that is there.
func watchAbove(fd int, path string) error {
	for above := filepath.Dir(path); ; above = filepath.Dir(above) {
		_, err := unix.InotifyAddWatch(fd, above, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_ONLYDIR)
		if err == nil || !errors.Is(err, unix.ENOENT) || above == filepath.Dir(above) {
			return err
		}
	}
}

// poll is appears without the kernel's help.
func poll(ctx context.Context, there func() bool, end time.Time) (bool, error) {
	const every = 50 * time.Millisecond
	for {
		if there() || time.Now().After(end) {
			return there(), nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(every):
		}
	}
}
