package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/durable"
)

// State is the first difference of a release from its manifest. The zero State is
// intact.
type State struct {
	File   string // below the release's directory; "." is itself
	Reason string // names the file
}

// Intact reports whether no difference was found.
func (s State) Intact() bool { return s.Reason == "" }

func damaged(file, format string, args ...any) State {
	return State{File: file, Reason: file + " " + fmt.Sprintf(format, args...)}
}

// withoutPath removes the path from an error.
func withoutPath(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err
	}
	return err
}

// compareWithManifest compares the stat(2) results of dir with its manifest. It reads no file.
func compareWithManifest(dir string, m Manifest, owner int) State {
	want := map[string]File{archive.ManifestName: {Path: archive.ManifestName, Size: -1, Mode: archive.ModeText(archive.PlainMode)}}
	dirs := map[string]bool{".": true}
	for _, f := range m.Files {
		want[f.Path] = f
		for above := filepath.Dir(f.Path); above != "."; above = filepath.Dir(above) {
			dirs[above] = true
		}
	}
	var state State
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(strings.TrimPrefix(path, dir), "/")
		if name == "" {
			name = "."
		}
		var info fs.FileInfo
		if err == nil {
			info, err = d.Info()
		}
		if err != nil {
			state = damaged(name, "cannot be read: %v", withoutPath(err))
			return fs.SkipAll
		}
		file, isFile := want[name]
		switch {
		case dirs[name]:
			state = compareDir(name, info, owner)
		case !isFile:
			state = damaged(name, "does not belong to the release")
		default:
			state = compareFile(file, info, owner)
		}
		if seen := compareKernel(name, path); !seen.Intact() {
			state = seen
		}
		delete(want, name)
		if !state.Intact() {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		return damaged(".", "cannot be read: %v", err)
	}
	if state.Intact() {
		for _, f := range m.Files {
			if _, missing := want[f.Path]; missing {
				return damaged(f.Path, "is missing")
			}
		}
	}
	return state
}

// compareKernel compares what the kernel adds to a path, which stat(2) does not show: nothing.
func compareKernel(name, path string) State {
	switch {
	case mountedOver(path):
		return damaged(name, "has a mount over it")
	case durable.HasCapabilities(path):
		return damaged(name, "has file capabilities")
	}
	return State{}
}

// mountedOver reports whether path is a mount point: a mount may have any size and
// time. A kernel before 5.8 does not show it.
func mountedOver(path string) bool {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_TYPE, &st) != nil {
		return false
	}
	return st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

func compareDir(name string, info fs.FileInfo, owner int) State {
	switch {
	case !info.IsDir():
		return damaged(name, "is not a directory")
	case info.Mode().Perm() != archive.DirMode:
		return damaged(name, "has mode %s, not %s", archive.ModeText(info.Mode()), archive.ModeText(archive.DirMode))
	}
	return compareOwner(name, info, owner)
}

func compareFile(f File, info fs.FileInfo, owner int) State {
	const odd = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return damaged(f.Path, "is not a regular file")
	case archive.ModeText(mode) != f.Mode || mode&odd != 0:
		return damaged(f.Path, "has mode %v, not %s", mode, f.Mode)
	case f.Size >= 0 && info.Size() != f.Size:
		return damaged(f.Path, "has %d bytes, not %d", info.Size(), f.Size)
	case f.Size >= 0 && info.ModTime().UnixNano() != f.MTime:
		return damaged(f.Path, "was written to at %s", info.ModTime().UTC().Format("2006-01-02 15:04:05"))
	}
	return compareOwner(f.Path, info, owner)
}

func compareOwner(name string, info fs.FileInfo, owner int) State {
	if got := ownerOf(info); got != owner {
		return damaged(name, "is owned by uid %d, not %d", got, owner)
	}
	return State{}
}

// ownerOf returns the uid of the file's owner.
func ownerOf(info fs.FileInfo) int {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(stat.Uid)
}

// compareContents compares the content of every file of m in dir.
func compareContents(ctx context.Context, dir string, m Manifest) (State, error) {
	for _, f := range m.Files {
		got, err := sha256File(ctx, filepath.Join(dir, f.Path), f.Size)
		if errors.Is(err, errLonger) {
			return damaged(f.Path, "has more than %d bytes", f.Size), nil
		}
		if err != nil {
			return State{}, err
		}
		if got != f.SHA256 {
			return damaged(f.Path, "has changed content: sha256 %s, not %s", got, f.SHA256), nil
		}
	}
	return State{}, nil
}

var errLonger = errors.New("longer than the manifest says")

func sha256File(ctx context.Context, path string, size int64) (string, error) {
	f, err := durable.OpenRegular(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, archive.Reader(ctx, io.LimitReader(f, size+1)))
	if err == nil && n > size {
		err = errLonger
	}
	return hex.EncodeToString(sum.Sum(nil)), err
}
