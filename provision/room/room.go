// Package room says how much room a file system has, and which one has too little: a full
// disk is named by a path on it, whatever was being written. It writes nothing.
package room

import (
	"errors"
	"fmt"
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
	switch {
	case e.NoInodes:
		return e.Path + ": no inodes left for another file"
	case errors.Is(e.Err, unix.EDQUOT) || e.Err != nil && e.Have >= e.Need:
		return text + " (" + cause(e.Err).Error() + ")"
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

// Check returns an *Error if the file system of path has less than need bytes for us, or
// no inode. The path must exist.
func Check(path string, need int64) error {
	have, err := look(path)
	if err != nil {
		return err
	}
	if have.bytes < need || have.noInodes {
		return &Error{Path: path, Need: need, Have: have.bytes, NoInodes: have.noInodes}
	}
	return nil
}

// Free returns how many bytes the file system of path has for us, without those
// reserved for root. The path must exist.
func Free(path string) (int64, error) {
	have, err := look(path)
	return have.bytes, err
}

// NoInodes reports whether the file system of path can hold no more files. Some file
// systems (Btrfs) count none and have no limit. The path must exist.
func NoInodes(path string) (bool, error) {
	have, err := look(path)
	return have.noInodes, err
}

type free struct {
	bytes    int64
	noInodes bool
}

func look(path string) (free, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return free{}, fmt.Errorf("statfs %s: %w", path, err)
	}
	return free{bytes: int64(fs.Bavail) * fs.Bsize, noInodes: fs.Files > 0 && fs.Ffree == 0}, nil
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
	have, lookErr := look(dir)
	if lookErr != nil {
		return err
	}
	return &Error{Path: dir, Need: need, Have: have.bytes, NoInodes: have.noInodes, Err: err}
}
