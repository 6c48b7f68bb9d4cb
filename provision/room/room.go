// Package room says how much room a file system has, and which one has too little: a full
// disk is named by a path on it, whatever was being written. It writes nothing.
package room

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

// Error means that a file system has too little room.
type Error struct {
	Path string // on that file system
	Need int64  // bytes; an estimate until an archive's content is known
	Have int64  // bytes
	// NoInodes is true if the file system can hold no more files, whatever their size.
	NoInodes bool
	Err      error // of the write; nil if the lack was seen before it
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s needed, %s free", e.Path, humanize.IBytes(uint64(max(e.Need, 0))), humanize.IBytes(uint64(max(e.Have, 0))))
	if e.NoInodes {
		text = e.Path + ": no inodes left for another file"
	}
	if e.Err != nil {
		text += " (" + cause(e.Err).Error() + ")"
	}
	return text
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// cause is the error of the kernel in err, without the path.
func cause(err error) error {
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return errno
	}
	return err
}

// Seen is a file system as it was seen.
type Seen struct {
	Bytes    int64 // for us, without those reserved for root
	NoInodes bool  // it can hold no more files; some (Btrfs) count none and have no limit
	ReadOnly bool  // it or its mount
	NoExec   bool  // no program starts from there
}

// Look looks at the file system of path, which must exist.
func Look(path string) (Seen, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Seen{}, fmt.Errorf("statfs %s: %w", path, err)
	}
	return Seen{
		Bytes:    int64(st.Bavail) * st.Bsize,
		NoInodes: st.Files > 0 && st.Ffree == 0,
		ReadOnly: st.Flags&unix.ST_RDONLY != 0,
		NoExec:   st.Flags&unix.ST_NOEXEC != 0,
	}, nil
}

// LookAbove is Look for a path that need not exist. at is the path, or the first one above it that does.
func LookAbove(path string) (at string, seen Seen, err error) {
	for at = path; ; at = filepath.Dir(at) {
		seen, err = Look(at)
		missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
		if !missing || at == filepath.Dir(at) {
			return at, seen, err
		}
	}
}

// Free returns how many bytes the file system of path has for us. The path must exist.
func Free(path string) (int64, error) {
	seen, err := Look(path)
	return seen.Bytes, err
}

// Check returns an *Error if the file system of path has less than need bytes for us, or
// no inode. The path must exist.
func Check(path string, need int64) error {
	seen, err := Look(path)
	if err != nil {
		return err
	}
	if seen.Bytes < need || seen.NoInodes {
		return &Error{Path: path, Need: need, Have: seen.Bytes, NoInodes: seen.NoInodes}
	}
	return nil
}

// Explain turns an err about a full disk or quota into an *Error, and returns any other
// unchanged. The file at path needs need bytes.
func Explain(err error, path string, need int64) error {
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return err
	}
	if _, known := errors.AsType[*Error](err); known {
		return err
	}
	dir := filepath.Dir(path)
	seen, lookErr := Look(dir)
	if lookErr != nil {
		return err
	}
	return &Error{Path: dir, Need: need, Have: seen.Bytes, NoInodes: seen.NoInodes, Err: err}
}
