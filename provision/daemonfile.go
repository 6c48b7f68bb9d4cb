package provision

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

// DaemonFile is daemon.json as it was read.
type DaemonFile struct {
	Path   string
	Target string // the file itself, when Path is a symlink; else Path
	Exists bool
	NoDir  bool // nor is its directory there
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

// readDaemonFile reads path, which need not exist. A text that dockerd would
// read differently than we do is a *blocked.Refused with line and column.
func readDaemonFile(path string) (DaemonFile, error) {
	file := DaemonFile{Path: path, Target: path, Mode: 0o644}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return DaemonFile{}, blocked.Refuse(path, "is a symlink to a file that is not there")
		}
		file.NoDir = dirGone(path)
		file.Doc, err = daemonjson.Parse(nil)
		return file, err
	}
	if err != nil {
		return DaemonFile{}, &blocked.Refused{Object: path, Err: err}
	}
	if !info.Mode().IsRegular() {
		return DaemonFile{}, blocked.Refuse(path, "is %s, not a regular file", info.Mode().Type())
	}
	if file.Target, err = resolve(path); err != nil {
		return DaemonFile{}, err
	}
	if file.Bytes, err = durable.ReadLimited(path, daemonjson.MaxBytes); err != nil {
		return DaemonFile{}, &blocked.Refused{Object: path, Err: err}
	}
	if file.Doc, err = daemonjson.Parse(file.Bytes); err != nil {
		return DaemonFile{}, &blocked.Refused{Object: path, Err: err}
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

// attr is what daemon.json has to look like to others: as it does now, or as
// Docker's own would where there is none.
func (f journalFile) attr() durable.Attr {
	if !f.Existed {
		return durable.Plain(0o644)
	}
	return durable.Attr{Mode: f.Mode, UID: f.UID, GID: f.GID, Like: f.Target}
}

// replace writes text over old, keeping owner, mode and attributes. When the
// file is not old any more, nothing is written and the error is errStale.
func (f journalFile) replace(old, text []byte) error {
	if !f.Existed && !f.inDir {
		if err := durable.MkdirAll(filepath.Dir(f.Target), 0o755); err != nil {
			return &blocked.Refused{Object: f.Path, Err: err}
		}
	}
	attr := f.attr()
	if _, err := os.Lstat(f.Target); errors.Is(err, fs.ErrNotExist) {
		attr.Like = ""
		attr.New = true // what another program makes between Before and the rename is its edit
	}
	attr.Before = func() error { return unchanged(f.Target, old) }
	err := durable.WriteFile(f.Target, text, attr)
	switch {
	case f.inDir && errors.Is(err, fs.ErrNotExist):
		return errStale // the directory was moved away
	case attr.New && errors.Is(err, fs.ErrExist):
		return errStale
	case err == nil, errors.Is(err, errStale), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EIO):
		return err
	default:
		return &blocked.Refused{Object: f.Path, Err: err}
	}
}

// remove takes away the file that was not there before, if it still is old.
func (f journalFile) remove(old []byte) error {
	if err := unchanged(f.Target, old); err != nil {
		return err
	}
	failpoint.Here("daemon.json: before it is removed")
	if err := durable.Remove(f.Target); err != nil {
		return err
	}
	failpoint.Here("daemon.json: removed, not synced")
	return durable.SyncDir(filepath.Dir(f.Target))
}

// text is what daemon.json has now; nil where there is none.
func (f journalFile) text() ([]byte, error) {
	now, err := durable.ReadLimited(f.Target, daemonjson.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return now, err
}

// unchanged reports errStale when path does not hold text. A file that is not
// there holds none.
func unchanged(path string, text []byte) error {
	now, err := journalFile{Target: path}.text()
	if err != nil {
		return err
	}
	if !bytes.Equal(now, text) {
		return errStale
	}
	return nil
}
