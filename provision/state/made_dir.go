package state

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
)

// madeDir identifies a directory of daemon.json that this program has made. Another program
// that meant to move its own directory to that path has then moved it into this one.
type madeDir struct {
	Path  string `json:"path"`
	Major uint32 `json:"major"`
	Minor uint32 `json:"minor"`
	Inode uint64 `json:"inode"`
	Born  int64  `json:"born"` // creation time in ns since 1970, because inode numbers are reused
}

// maxMadeDir limits the size of the record in bytes.
const maxMadeDir = 16 << 10

func (d Dir) madePath() string { return filepath.Join(string(d), madeDirName) }

func madeDirOf(path string) (madeDir, error) {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &stat); err != nil {
		return madeDir{}, fmt.Errorf("inspect %s: %w", path, err)
	}
	return madeDir{path, stat.Dev_major, stat.Dev_minor, stat.Ino, stat.Btime.Sec*1e9 + int64(stat.Btime.Nsec)}, nil
}

// NoteMadeDir records that this program made the directory of file.
func (d Dir) NoteMadeDir(file string) error {
	made, err := madeDirOf(filepath.Dir(file))
	if err != nil {
		return err
	}
	text, err := json.Marshal(made)
	if err != nil {
		return fmt.Errorf("encode %s: %w", d.madePath(), err)
	}
	return durable.WriteFile(d.madePath(), append(text, '\n'), durable.Plain(0o600))
}

// Misplaced finds up to 10 files with the name of file one directory too deep, if this
// program made the directory of file: another program has moved its directory into that
// one instead of replacing it.
func (d Dir) Misplaced(file string) []string {
	text, err := durable.ReadOwn(d.madePath(), maxMadeDir)
	if err != nil {
		return nil
	}
	var made madeDir
	if err := json.Unmarshal(text, &made); err != nil {
		return nil
	}
	dir := filepath.Dir(file)
	if now, err := madeDirOf(dir); err != nil || now != made {
		return nil
	}
	found, err := filepath.Glob(filepath.Join(globQuoted(dir), "*", filepath.Base(file)))
	if err != nil {
		return nil
	}
	const most = 10
	return slices.Clip(found[:min(len(found), most)])
}

// globQuoted returns the glob pattern that matches only path.
func globQuoted(path string) string {
	var quoted []byte
	for _, b := range []byte(path) {
		if slices.Contains([]byte(`\*?[`), b) {
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, b)
	}
	return string(quoted)
}
