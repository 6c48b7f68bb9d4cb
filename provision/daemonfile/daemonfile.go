// Package daemonfile guarantees that daemon.json is replaced in one step, and only while it
// still has the bytes that were read. Owner, mode and attributes stay. The package never
// writes through a symlink that another user could redirect, and never makes a directory
// that another program is replacing.
package daemonfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
)

// File is daemon.json as it was read.
type File struct {
	Path       string
	Target     string // the file itself if Path is a symlink; else Path
	Exists     bool
	DirMissing bool // its directory is missing too
	// Misplaced are files of the same name in directories that another program moved into
	// the directory of Path, instead of replacing it.
	Misplaced []string
	Bytes     []byte
	Doc       daemonjson.Document
	Mode      fs.FileMode
	UID       int
	GID       int
	// Changed is the last change (ctime) of the file, or of the symlink to it if that is
	// later; zero if there is no file.
	Changed time.Time
}

// Read reads daemon.json at path. A missing file is no error. The error is a *blocked.Refused
// if the file cannot be read, cannot be trusted (a symlink that another user can change), or
// has a text that dockerd might read differently than this program; that one has line and
// column.
func Read(path string) (File, error) {
	file := File{Path: path, Target: path, Mode: 0o644}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return File{}, blocked.Refuse(path, "is a symlink to a missing file")
		}
		if _, err := os.Lstat(filepath.Dir(path)); err == nil && DirMissing(path) {
			return File{}, blocked.Refuse(path, "its directory %s is a symlink to a missing directory", filepath.Dir(path))
		}
		file.DirMissing = DirMissing(path)
		file.Doc, err = daemonjson.Parse(nil)
		return file, err
	}
	if err != nil {
		return File{}, &blocked.Refused{Object: path, Err: err}
	}
	if !info.Mode().IsRegular() {
		return File{}, blocked.Refuse(path, "is %s, not a regular file", durable.KindOf(info.Mode()))
	}
	if file.Target, err = resolveSymlinks(path); err != nil {
		return File{}, err
	}
	if file.Bytes, err = durable.ReadLimited(path, daemonjson.MaxBytes); err != nil {
		return File{}, &blocked.Refused{Object: path, Err: err}
	}
	if file.Doc, err = daemonjson.Parse(file.Bytes); err != nil {
		return File{}, &blocked.Refused{Object: path, Err: err}
	}
	stat := info.Sys().(*syscall.Stat_t)
	file.Exists, file.Mode, file.UID, file.GID = true, info.Mode().Perm(), int(stat.Uid), int(stat.Gid)
	file.Changed = lastChange(path, file.Target)
	return file, nil
}

// lastChange returns the latest ctime of paths. The caller asks after reading them, so what
// it read is not newer. If a ctime is unknown, the result is now.
func lastChange(paths ...string) time.Time {
	var last time.Time
	for _, path := range paths {
		var stat unix.Stat_t
		if err := unix.Lstat(path, &stat); err != nil {
			return time.Now()
		}
		if at := time.Unix(stat.Ctim.Unix()); at.After(last) {
			last = at
		}
	}
	return last
}

// Place is the path of daemon.json, with the owner and mode that it has or will get. It is
// part of the journal.
type Place struct {
	Path    string      `json:"path"`
	Target  string      `json:"target"` // the file itself if Path is a symlink; else Path
	Existed bool        `json:"existed"`
	Mode    fs.FileMode `json:"mode"`
	UID     int         `json:"uid"`
	GID     int         `json:"gid"`
	// DirExisted says that its directory existed when the plan was made. If it is missing
	// since, another program is replacing it, and Replace does not make it.
	DirExisted bool `json:"-"`
}

// Place returns where f was read.
func (f File) Place() Place {
	return Place{Path: f.Path, Target: f.Target, Existed: f.Exists, Mode: f.Mode, UID: f.UID, GID: f.GID, DirExisted: !f.DirMissing}
}

// attributes returns owner, mode and attributes for the next text: those of the present
// file, or the mode 0644 if there is none.
func (p Place) attributes() durable.Attr {
	if !p.Existed {
		return durable.Plain(0o644)
	}
	return durable.Attr{Mode: p.Mode, UID: p.UID, GID: p.GID, Like: p.Target}
}

// Replace writes text over old, and keeps owner, mode and attributes. If the file no longer
// has the text old, Replace writes nothing and the error is ErrStale. Other errors are
// ENOSPC, EDQUOT, EIO, or a *blocked.Refused.
func (p Place) Replace(old, text []byte) error {
	if !p.Existed && !p.DirExisted {
		if err := durable.MkdirAll(filepath.Dir(p.Target), 0o755); err != nil {
			return &blocked.Refused{Object: p.Path, Err: err}
		}
	}
	attr := p.attributes()
	if _, err := os.Lstat(p.Target); errors.Is(err, fs.ErrNotExist) {
		attr.Like = ""
		attr.New = true // a file that another program makes after Before stays
	}
	attr.Before = func() error { return Unchanged(p.Target, old) }
	err := durable.WriteFile(p.Target, text, attr)
	switch {
	case p.DirExisted && errors.Is(err, fs.ErrNotExist):
		return ErrStale // the directory was moved away
	case attr.New && errors.Is(err, fs.ErrExist):
		return ErrStale
	case err == nil, errors.Is(err, ErrStale), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EIO):
		return err
	default:
		return &blocked.Refused{Object: p.Path, Err: err}
	}
}

// Remove removes the file, if it still has the text old; else the error is ErrStale.
func (p Place) Remove(old []byte) error {
	if err := Unchanged(p.Target, old); err != nil {
		return err
	}
	failpoint.Here("daemon.json: before it is removed")
	if err := durable.Remove(p.Target); err != nil {
		return err
	}
	failpoint.Here("daemon.json: removed, not synced")
	return durable.SyncDir(filepath.Dir(p.Target))
}

// Text returns the present text of daemon.json; nil if there is no file.
func (p Place) Text() ([]byte, error) {
	now, err := durable.ReadLimited(p.Target, daemonjson.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return now, err
}

// Unchanged returns ErrStale if the file at path does not have text. The text of a missing
// file is nil.
func Unchanged(path string, text []byte) error {
	now, err := Place{Target: path}.Text()
	if err != nil {
		return err
	}
	if !bytes.Equal(now, text) {
		return ErrStale
	}
	return nil
}

// Matches reports whether p is the daemon.json at path, with the same symlink target.
func (p Place) Matches(path string) bool {
	target, err := resolveSymlinks(path)
	if err != nil {
		target = path // it is missing
	}
	return p.Path == path && p.Target == target
}

// ErrStale means that daemon.json has changed since the plan was made.
var ErrStale = errors.New("daemon.json changed since it was read")
