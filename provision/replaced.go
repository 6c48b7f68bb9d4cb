package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
)

// A directory is replaced by two renames, and in between there is none. To make
// it then would have the second rename, which mv(1) gives a directory, end inside
// of ours: the edit that was to come with it would be lost. So a directory that
// is gone is waited for. A program that takes longer finds ours, and that is
// told: see misplaced.
const replacedWithin = 2 * time.Second

// awaitDir waits for daemon.json to come back with its directory, and reports
// whether it did: after mkdir(1) comes the file. On a host that was never made to be anything it may never have
// been there, and is not waited for.
func (h *Host) awaitDir(ctx context.Context, path string) (back bool, err error) {
	if !h.ConfigFiles().Accepted().Found {
		return false, nil
	}
	h.log().Debug("waiting for a directory that is gone")
	return daemonfile.Appears(ctx, path, replacedWithin)
}

// madeDir is a directory of daemon.json's that this program has made: the one
// into which a directory may be moved that was to replace it.
type madeDir struct {
	Path  string `json:"path"`
	Major uint32 `json:"major"`
	Minor uint32 `json:"minor"`
	Inode uint64 `json:"inode"`
	Born  int64  `json:"born"` // in nanoseconds; inodes are used again
}

func (h *Host) madePath() string { return filepath.Join(h.Paths.State, "made-directory.json") }

func madeDirOf(path string) (madeDir, error) {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &stat); err != nil {
		return madeDir{}, fmt.Errorf("look at %s: %w", path, err)
	}
	return madeDir{path, stat.Dev_major, stat.Dev_minor, stat.Ino, stat.Btime.Sec*1e9 + int64(stat.Btime.Nsec)}, nil
}

// noteDir remembers that the directory of file was made. A note that cannot be
// written is not worth the change that was made.
func (h *Host) noteDir(file string) {
	made, err := madeDirOf(filepath.Dir(file))
	if err == nil {
		var text []byte
		if text, err = json.Marshal(made); err == nil {
			err = durable.WriteFile(h.madePath(), append(text, '\n'), durable.Plain(0o600))
		}
	}
	if err != nil {
		h.log().Debug("not noted that a directory was made", zap.Error(err))
	}
}

// misplaced finds files of the name of daemon.json one directory too deep, in a
// directory that this program has made: what was to replace that was moved into
// it.
func (h *Host) misplaced(file string) []string {
	text, err := durable.ReadLimited(h.madePath(), config.MaxFile)
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

// misplacedItem says what became of a directory that came too late.
func misplacedItem(file daemonfile.File) (health Health, seen, remedy string) {
	dir := filepath.Dir(file.Path)
	late := file.Misplaced[0]
	return Warning, fmt.Sprintf("%s was moved into %s, which was missing for so long that it was made again: its settings are not in effect", filepath.Dir(late), dir),
		fmt.Sprintf("compare it with %s, then move it into place: mv -T %s %s; or remove %s", file.Path, late, file.Path, filepath.Dir(late))
}
