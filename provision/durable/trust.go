package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// UnsafeError means that users other than its owner could change or replace a
// path.
type UnsafeError struct {
	Path   string
	Reason string
	Remedy string // the command that mends it; "" if there is none
}

func (e *UnsafeError) Error() string { return e.Path + ": " + e.Reason }

// maxLinks is how many symlinks one path may lead through, as in the kernel (MAXSYMLINKS).
const maxLinks = 40

// Trusted returns an *UnsafeError if a user other than root and the user of this process
// could change what path names: the file itself, each directory above it, and those that
// its symlinks lead through. Their owners must be trusted, and only the owner may write: a
// group counts as others, even if only root is in it. The mode shows what a POSIX ACL
// allows too, because its mask is in the bits of the group. A sticky directory above (/tmp)
// is safe: others cannot rename our files in it. A missing file is as safe as the
// directories above it.
func Trusted(path string) error { return trustedWalk(path, trusted(os.Geteuid())) }

// TrustedBy is Trusted with root and owner as the users.
func TrustedBy(path string, owner int) error { return trustedWalk(path, trusted(owner)) }

// trusted reports whether a file may belong to a uid.
func trusted(owner int) func(int) bool {
	return func(uid int) bool { return uid == 0 || uid == owner }
}

// trustedWalk resolves path by itself, one name after the other: filepath.EvalSymlinks
// does not say which directories the symlinks in between are in.
func trustedWalk(path string, isTrusted func(int) bool) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	at, names, links := "/", splitPath(path), 0
	if err := checkAt(at, len(names) == 0, isTrusted); err != nil {
		return err
	}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case info.Mode()&fs.ModeSymlink == 0:
			if err := asError(checkEntry(next, info, len(names) == 0, isTrusted)); err != nil {
				return err
			}
			if at = next; !info.IsDir() {
				return nil
			}
			continue
		}
		if links++; links > maxLinks {
			return &fs.PathError{Op: "resolve", Path: path, Err: unix.ELOOP}
		}
		// The owner of a symlink can replace it in a sticky directory.
		if uid := uidOf(info); !isTrusted(uid) && othersWrite(at) {
			return &UnsafeError{
				Path: next, Reason: fmt.Sprintf("a symlink owned by uid %d", uid), Remedy: "sudo chown -h root " + shellWord(next),
			}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		names = append(splitPath(target), names...)
	}
	return nil
}

func splitPath(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

func checkAt(path string, last bool, isTrusted func(int) bool) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	return asError(checkEntry(path, info, last, isTrusted))
}

// checkEntry checks a file or a directory. last says that path ends here.
func checkEntry(path string, info fs.FileInfo, last bool, isTrusted func(int) bool) *UnsafeError {
	unsafe := whoWrites(path, info, isTrusted)
	if unsafe != nil && !last && info.Mode()&fs.ModeSticky != 0 && isTrusted(uidOf(info)) {
		return nil
	}
	return unsafe
}

// othersWrite reports whether others may write to a directory, or that is unknown.
func othersWrite(dir string) bool {
	info, err := os.Lstat(dir)
	return err != nil || info.Mode().Perm()&0o022 != 0
}

// whoWrites says which other user could write to path; nil if none could.
func whoWrites(path string, info fs.FileInfo, isTrusted func(int) bool) *UnsafeError {
	mode := info.Mode().Perm()
	uid := uidOf(info)
	owned, writable := !isTrusted(uid), mode&0o022 != 0
	own := "sudo chown root " + shellWord(path)
	seal := "sudo chmod go-w " + shellWord(path)
	switch {
	case owned && writable:
		reason := fmt.Sprintf("owned by uid %d, and mode %04o lets others write", uid, mode)
		return &UnsafeError{path, reason, own + " && " + seal}
	case owned:
		return &UnsafeError{path, fmt.Sprintf("owned by uid %d", uid), own}
	case writable && info.Mode()&fs.ModeSticky != 0: // such as /tmp, where everyone must be able to write
		return &UnsafeError{path, fmt.Sprintf("mode 1%03o lets others write", mode), ""}
	case writable:
		return &UnsafeError{path, fmt.Sprintf("mode %04o lets others write", mode), seal}
	}
	return nil
}

// asError keeps a nil *UnsafeError from becoming an error that is not nil.
func asError(e *UnsafeError) error {
	if e == nil {
		return nil
	}
	return e
}

// uidOf returns the uid of the file's owner; -1 if it is unknown.
func uidOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// shellWord quotes s for a shell, if it must be quoted.
func shellWord(s string) string {
	isOdd := func(r rune) bool {
		isPlain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !isPlain && !strings.ContainsRune("_-./,:=@%+", r)
	}
	if s != "" && !strings.ContainsFunc(s, isOdd) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
