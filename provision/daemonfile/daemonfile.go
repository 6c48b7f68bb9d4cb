// Package daemonfile reads daemon.json on disk and replaces it only over the exact
// bytes that it was read with, in one step, keeping owner, mode and attributes. It
// never writes through a symlink that another user could turn elsewhere, and never
// makes a directory that another program is replacing.
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
	Target     string // the file itself, when Path is a symlink; else Path
	Exists     bool
	DirMissing bool // nor is its directory there
	// Misplaced are files of its name in directories that were moved into its
	// own instead of in its place.
	Misplaced []string
	Bytes     []byte
	Doc       daemonjson.Document
	Mode      fs.FileMode
	UID       int
	GID       int
	// Changed is when the file was last changed in any way (ctime), or the
	// symlink that leads to it; zero where there is none.
	Changed time.Time
}

// Read reads path, which need not exist. A text that dockerd would
// read differently than we do is a *blocked.Refused with line and column.
func Read(path string) (File, error) {
	file := File{Path: path, Target: path, Mode: 0o644}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return File{}, blocked.Refuse(path, "is a symlink to a file that is not there")
		}
		file.DirMissing = DirMissing(path)
		file.Doc, err = daemonjson.Parse(nil)
		return file, err
	}
	if err != nil {
		return File{}, &blocked.Refused{Object: path, Err: err}
	}
	if !info.Mode().IsRegular() {
		return File{}, blocked.Refuse(path, "is %s, not a regular file", info.Mode().Type())
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

// lastChange is the latest ctime of paths, asked for after they were read: what
// was read is not younger. One that cannot be told is now.
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

// Place is where daemon.json is, or is to be, and what it looks like to others. It
// is part of the journal.
type Place struct {
	Path    string      `json:"path"`
	Target  string      `json:"target"` // the file itself, when Path is a symlink; else Path
	Existed bool        `json:"existed"`
	Mode    fs.FileMode `json:"mode"`
	UID     int         `json:"uid"`
	GID     int         `json:"gid"`
	// InDir says that its directory existed when the plan was made. A directory that
	// has gone since is being replaced by another program, and is not made.
	DirExisted bool `json:"-"`
}

// Place is where f was read.
func (f File) Place() Place {
	return Place{Path: f.Path, Target: f.Target, Existed: f.Exists, Mode: f.Mode, UID: f.UID, GID: f.GID, DirExisted: !f.DirMissing}
}

// attributes is what daemon.json has to look like to others: as it does now, or as
// Docker's own would where there is none.
func (p Place) attributes() durable.Attr {
	if !p.Existed {
		return durable.Plain(0o644)
	}
	return durable.Attr{Mode: p.Mode, UID: p.UID, GID: p.GID, Like: p.Target}
}

// Replace writes text over old, keeping owner, mode and attributes. When the
// file is not old any more, nothing is written and the error is errStale.
func (p Place) Replace(old, text []byte) error {
	if !p.Existed && !p.DirExisted {
		if err := durable.MkdirAll(filepath.Dir(p.Target), 0o755); err != nil {
			return &blocked.Refused{Object: p.Path, Err: err}
		}
	}
	attr := p.attributes()
	if _, err := os.Lstat(p.Target); errors.Is(err, fs.ErrNotExist) {
		attr.Like = ""
		attr.New = true // what another program makes between Before and the rename is its edit
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

// Remove takes away the file that was not there before, if it still is old.
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

// Text is what daemon.json has now; nil where there is none.
func (p Place) Text() ([]byte, error) {
	now, err := durable.ReadLimited(p.Target, daemonjson.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return now, err
}

// Unchanged reports errStale when path does not hold text. A file that is not
// there holds none.
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

// Matches reports whether f is the daemon.json at path.
func (p Place) Matches(path string) bool {
	target, err := resolveSymlinks(path)
	if err != nil {
		target = path // it is not there
	}
	return p.Path == path && p.Target == target
}

// ErrStale says that daemon.json is not the one the plan was made for.
var ErrStale = errors.New("daemon.json changed since it was read")
