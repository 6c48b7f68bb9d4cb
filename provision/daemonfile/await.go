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

// DirMissing reports whether the directory of path is missing. If this user may not see it,
// it counts as existing.
func DirMissing(path string) bool {
	_, err := os.Stat(filepath.Dir(path))
	return errors.Is(err, fs.ErrNotExist)
}

// Await waits up to within until path exists, and reports whether it does. It waits for
// inotify events, or polls if there is no inotify. The only error is the cause of ctx.
func Await(ctx context.Context, path string, within time.Duration) (bool, error) {
	exists := func() bool {
		_, err := os.Lstat(path)
		return !errors.Is(err, fs.ErrNotExist)
	}
	end := time.Now().Add(within)
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil { // fs.inotify.max_user_instances is reached
		return poll(ctx, exists, end)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	if err := events.SetReadDeadline(end); err != nil {
		return poll(ctx, exists, end)
	}
	stop := context.AfterFunc(ctx, func() { _ = events.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for buffer := make([]byte, 64*(unix.SizeofInotifyEvent+unix.NAME_MAX+1)); ; {
		// Watch before checking: a creation in between makes an event.
		if err := watchAbove(fd, path); err != nil {
			return poll(ctx, exists, end)
		}
		if exists() {
			return true, nil
		}
		if _, err := events.Read(buffer); err != nil {
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			return exists(), nil
		}
	}
}

// watchAbove watches the closest directory above path that exists.
func watchAbove(fd int, path string) error {
	for above := filepath.Dir(path); ; above = filepath.Dir(above) {
		_, err := unix.InotifyAddWatch(fd, above, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_ONLYDIR)
		if err == nil || !errors.Is(err, unix.ENOENT) || above == filepath.Dir(above) {
			return err
		}
	}
}

// poll is Await without inotify.
func poll(ctx context.Context, exists func() bool, end time.Time) (bool, error) {
	const every = 50 * time.Millisecond
	for {
		if exists() || time.Now().After(end) {
			return exists(), nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(every):
		}
	}
}
