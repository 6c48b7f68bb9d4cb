package subid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
)

// The files, below /etc.
const (
	UIDFile = "subuid"
	GIDFile = "subgid"
)

// ErrLocked means that another program holds the locks of the shadow tools.
var ErrLocked = errors.New("locked by another program, such as useradd or usermod")

// ErrChanged means that a file has changed since the change was planned.
var ErrChanged = errors.New("changed meanwhile")

// lockRetry is the pause between two tries for a lock: a wait for either kind
// could not end with a context.
const lockRetry = 20 * time.Millisecond

// Lock takes the locks that the shadow tools take before they write both files
// in the directory etc: a record lock on .pwd.lock (lckpwdf(3)), and the files
// subuid.lock and subgid.lock with the pid of their owner, which is how shadow's
// commonio.c does it. It tries until ctx ends, and then the error is ErrLocked.
func Lock(ctx context.Context, etc string) (unlock func(), err error) {
	var undo []func()
	unlock = func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}
	whole, err := os.OpenFile(filepath.Join(etc, ".pwd.lock"), os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() { whole.Close() })
	if err := retry(ctx, whole.Name(), func() error {
		return unix.FcntlFlock(whole.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	}); err != nil {
		unlock()
		return nil, err
	}
	for _, name := range []string{UIDFile, GIDFile} {
		path := filepath.Join(etc, name)
		if err := retry(ctx, path+".lock", func() error { return lockFile(path) }); err != nil {
			unlock()
			return nil, err
		}
		undo = append(undo, func() { os.Remove(path + ".lock") })
	}
	return unlock, nil
}

func retry(ctx context.Context, path string, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.Canceled) {
				return fmt.Errorf("lock %s: %w", path, context.Canceled)
			}
			return fmt.Errorf("%s: %w", path, ErrLocked)
		case <-time.After(lockRetry):
		}
	}
}

// lockFile makes path.lock, a hard link to a file with our pid. It removes an
// existing lock if its owner is dead, as the shadow tools do.
func lockFile(path string) error {
	pid := strconv.Itoa(os.Getpid())
	own, lock := path+"."+pid, path+".lock"
	if err := os.WriteFile(own, append([]byte(pid), 0), 0o600); err != nil {
		return err
	}
	failpoint.Here("lock " + filepath.Base(path) + ": before the link")
	defer os.Remove(own)
	err := os.Link(own, lock)
	if errors.Is(err, fs.ErrExist) && abandoned(lock) {
		if err := durable.Remove(lock); err != nil {
			return err
		}
		err = os.Link(own, lock)
	}
	failpoint.Here("lock " + filepath.Base(path) + ": linked")
	return err
}

// maxPID limits how many bytes of a lock with a pid are read, and maxFile those of /etc/subuid.
const (
	maxPID  = 64
	maxFile = 16 << 20
)

// abandoned reports whether the process named in a lock is dead.
func abandoned(path string) bool {
	text, err := durable.ReadLimited(path, maxPID)
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(string(bytes.TrimRight(text, "\x00\n")))
	return err == nil && pid > 0 && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// Sweep removes what a killed process has left of its locks and writes in etc:
// files with its pid in their name and content, and temporary files. The caller
// must hold a lock that excludes other processes of this program.
func Sweep(etc string) error {
	for _, name := range []string{UIDFile, GIDFile} {
		path := filepath.Join(etc, name)
		own, err := filepath.Glob(path + ".[0-9]*")
		if err != nil {
			return err
		}
		for _, left := range append(own, path+".lock") {
			if left != path+".lock" && !namesItself(left) || !abandoned(left) {
				continue
			}
			if err := durable.Remove(left); err != nil {
				return err
			}
		}
		for _, written := range []string{path, path + "-"} {
			if err := durable.Sweep(written); err != nil {
				return err
			}
		}
	}
	return nil
}

// namesItself reports whether a file called NAME.PID contains PID.
func namesItself(path string) bool {
	text, err := durable.ReadLimited(path, maxPID)
	return err == nil && "."+string(bytes.TrimRight(text, "\x00")) == filepath.Ext(path)
}

func kind(mode fs.FileMode) string {
	if mode.Type() == fs.ModeSymlink {
		return "a symlink"
	}
	return mode.Type().String()
}

// Write replaces old by text in the file at path, keeps its mode and owner
// (0644 and root for a new file), and keeps old in path-, as the shadow tools
// do. The caller must hold the locks. If the file no longer has the text old,
// Write writes nothing and the error is ErrChanged.
func Write(path, old, text string) error {
	attr := durable.Plain(0o644)
	now, err := durable.ReadLimited(path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("it is %s, not a regular file", kind(info.Mode()))
		}
		stat := info.Sys().(*syscall.Stat_t)
		attr = durable.Attr{Mode: info.Mode().Perm(), UID: int(stat.Uid), GID: int(stat.Gid), Like: path}
	}
	if string(now) != old {
		return fmt.Errorf("%s: %w", path, ErrChanged)
	}
	if err := durable.WriteFile(path+"-", now, durable.Attr{Mode: attr.Mode, UID: attr.UID, GID: attr.GID}); err != nil {
		return err
	}
	return durable.WriteFile(path, []byte(text), attr)
}
