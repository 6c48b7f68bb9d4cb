package state

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
)

// madeDir is a directory of daemon.json's that this program has made: the one
// into which a directory may be moved that was to replace it.
type madeDir struct {
	Path  string `json:"path"`
	Major uint32 `json:"major"`
	Minor uint32 `json:"minor"`
	Inode uint64 `json:"inode"`
	Born  int64  `json:"born"` // in nanoseconds; inodes are used again
}

func (d Dir) madePath() string { return filepath.Join(string(d), "made-directory.json") }

func madeDirOf(path string) (madeDir, error) {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &stat); err != nil {
		return madeDir{}, fmt.Errorf("look at %s: %w", path, err)
	}
	return madeDir{path, stat.Dev_major, stat.Dev_minor, stat.Ino, stat.Btime.Sec*1e9 + int64(stat.Btime.Nsec)}, nil
}

// NoteMadeDir remembers that the directory of file was made.
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

// Misplaced finds files of the name of daemon.json one directory too deep, in a
// directory that this program has made: what was to replace that was moved into
// it.
func (d Dir) Misplaced(file string) []string {
	text, err := durable.ReadLimited(d.madePath(), config.MaxFile)
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

// globQuoted is path as a pattern that matches nothing else.
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
