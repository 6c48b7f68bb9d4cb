package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
)

// The suffixes of the names of files that were moved away: because they could not be used, or
// because other users could have written them.
const (
	unreadSuffix    = ".unread"
	untrustedSuffix = ".untrusted"
)

// Mend moves the files of Defects away, so that they stop no run, and says what it did. The
// caller holds the lock. It keeps the lines of a damaged KeyFile that are not damaged. A
// file that cannot be moved is no error: it stops only what needs it.
func (d Dir) Mend() (done []string) {
	for _, defect := range d.Defects() {
		var keys []string
		if text, err := durable.ReadOwn(defect.Path, maxKeyFile); err == nil && defect.file.keys != nil {
			keys = slices.DeleteFunc(strings.Fields(string(text)), func(key string) bool { return !defect.file.keys().MatchString(key) })
		}
		written := timeOf(defect.Path)
		to, err := moveAside(defect.Path, unreadSuffix)
		switch {
		case err == nil && len(keys) > 0:
			err = KeyFile{defect.Path}.write(keys)
		case err == nil && defect.file.name == restartedName:
			err = d.NoteRestart(written) // it was no later
		}
		if err != nil {
			done = append(done, fmt.Sprintf("%s cannot be used (%s), and not be moved away: %v", defect.Path, defect.Reason, err))
			continue
		}
		done = append(done, fmt.Sprintf("%s could not be used (%s), and was moved to %s", defect.Path, defect.Reason, to))
	}
	return done
}

// moveAside renames path to a free name with suffix and returns it.
func moveAside(path, suffix string) (string, error) {
	to := path + suffix
	for n := 2; ; n++ {
		err := unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
		if !errors.Is(err, fs.ErrExist) || n > 9 {
			return to, err
		}
		to = fmt.Sprintf("%s%s-%d", path, suffix, n)
	}
}

// Untrusted lists the files that Seal has moved away and that are still there. Unread lists
// those of Mend.
func (d Dir) Untrusted() []string { return d.movedAside(untrustedSuffix) }

// Unread: see Untrusted.
func (d Dir) Unread() []string { return d.movedAside(unreadSuffix) }

func (d Dir) movedAside(suffix string) (all []string) {
	entries, err := os.ReadDir(string(d)) // sorted
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), suffix) {
			all = append(all, filepath.Join(string(d), entry.Name()))
		}
	}
	return all
}

// MendLock moves a lock that is not a regular file away: opening a FIFO would wait for its
// other end, and no run could take any other. A lock on the directory keeps two runs from
// taking away each other's new file.
func (d Dir) MendLock() (done string, err error) {
	path := filepath.Join(string(d), lockName)
	if info, err := os.Lstat(path); err != nil || info.Mode().IsRegular() {
		return "", nil
	}
	dir, err := os.OpenFile(string(d), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return "", err
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().IsRegular() {
		return "", nil
	}
	to, err := moveAside(path, unreadSuffix)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s could not be used (it is %s, not a regular file), and was moved to %s", path, durable.KindOf(info.Mode()), to), nil
}

// Seal makes a directory of records that others could write to root's own again, and moves
// away what they could have written. It is for the daemon, which must not stop enforcing, and
// must not believe what others wrote. The error is that of Safe, if a directory above is
// theirs.
func (d Dir) Seal(ctx context.Context) (done []string, err error) {
	if resolved, err := filepath.EvalSymlinks(string(d)); err == nil {
		d = Dir(resolved)
	}
	if err := durable.Trusted(filepath.Dir(string(d))); err != nil {
		return nil, err
	}
	for range 100 { // each try moves one file away
		var unsafe *durable.UnsafeError
		if err = d.safe(""); !errors.As(err, &unsafe) || ctx.Err() != nil {
			return done, err
		}
		if unsafe.Path == string(d) {
			if err := own(string(d)); err != nil {
				return done, err
			}
			done = append(done, fmt.Sprintf("%s: it is root's own again", unsafe.Error()))
			continue
		}
		at := filepath.Join(string(d), strings.Split(strings.TrimPrefix(unsafe.Path, string(d)+"/"), "/")[0])
		to, err := moveAside(at, untrustedSuffix)
		if err != nil {
			return done, err
		}
		done = append(done, fmt.Sprintf("%s: it was moved to %s, because another user could have written it", unsafe.Error(), to))
	}
	return done, err
}

// own makes dir root's own.
func own(dir string) error {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Chown(os.Geteuid(), os.Getegid()), f.Chmod(0o700), f.Close())
}

// timeOf is when a file was last written; now if that is unknown.
func timeOf(path string) time.Time {
	info, err := os.Lstat(path)
	if err != nil {
		return time.Now()
	}
	return info.ModTime()
}
