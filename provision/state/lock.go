package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/durable"
)

// ErrLocked means that another run holds the lock.
var ErrLocked = errors.New("another runsc-provisioner is changing this host")

// lockRetry is the pause between two tries for a held lock: flock(2) cannot wait with a
// deadline.
const lockRetry = 50 * time.Millisecond

// Lock takes the lock that a run holds while it changes the host. It waits up to timeout,
// and then the error is ErrLocked. unlock releases the lock.
func (d Dir) Lock(ctx context.Context, timeout time.Duration) (unlock func() error, err error) {
	if err := durable.MkdirAll(string(d), 0o700); err != nil {
		if cannot := durable.CannotWrite(string(d)); cannot != nil && !errors.Is(cannot, syscall.ENOSPC) {
			return nil, &blocked.Refused{Object: string(d), Err: cannot}
		}
		return nil, fmt.Errorf("make %s: %w", string(d), err)
	}
	return lockFile(ctx, filepath.Join(string(d), lockName), timeout, ErrLocked)
}

// ErrDaemonRuns means that another daemon holds its lock.
var ErrDaemonRuns = errors.New("another runsc-provisioner daemon runs on this host")

// DaemonLockName is the name of that lock.
const DaemonLockName = "daemon.lock"

// LockDaemon takes the lock that a daemon holds while it runs, in the directory of its status. If another daemon
// holds it, the error is ErrDaemonRuns. unlock releases the lock.
func LockDaemon(ctx context.Context, run string) (unlock func() error, err error) {
	return lockFile(ctx, filepath.Join(run, DaemonLockName), 0, ErrDaemonRuns)
}

// lockFile locks the file at path, which it makes. It waits up to timeout, and then the error is held.
func lockFile(ctx context.Context, path string, timeout time.Duration, held error) (unlock func() error, err error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, blocked.Refuse(path, "is %s, not a regular file: remove it", durable.KindOf(info.Mode()))
	}
	lock := flock.New(path, flock.SetPermissions(0o600))
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	got, err := lock.TryLock()
	if err == nil && !got && timeout > 0 {
		got, err = lock.TryLockContext(waiting, lockRetry)
	}
	if errors.Is(err, context.DeadlineExceeded) || (err == nil && !got) {
		return nil, fmt.Errorf("%w (%s is held, waited %s)", held, path, timeout)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return nil, fmt.Errorf("wait for %s, which another run holds: %w", path, err)
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return lock.Unlock, nil
}

// OnlyLock reports whether the directory has nothing but the lock, or does not exist.
func (d Dir) OnlyLock() bool {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return len(entries) == 0 || len(entries) == 1 && entries[0].Name() == lockName
}
