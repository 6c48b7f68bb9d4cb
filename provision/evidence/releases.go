// Package evidence prepares what package verify judges containers by: the files of the releases, and what each
// runtime of dockerd runs. It only reads.
package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// Releases returns what package verify may trust. Files holds the files that are
// unchanged since they were installed, by device and inode. Digests holds the digests of
// all files in the manifests: they identify a sandbox after its file was deleted.
func Releases(ctx context.Context, store release.Store, installed []release.Installed) ([]verify.Release, error) {
	known := make([]verify.Release, 0, len(installed))
	for _, r := range installed {
		held := store.Dir
		if r.Manifest.Package != nil {
			held = r.FilesDir()
		}
		dir, err := fileID(held)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("inspect %s: %w", held, err)
		}
		k := verify.Release{
			Dev: dir.Dev, Store: held, Within: pathOnMount(held), Owner: store.Owner, Name: r.Name, Dir: r.FilesDir(),
			Files: map[verify.FileID]string{}, Digests: map[string]string{}, Sizes: map[int64]bool{},
		}
		sound, err := store.IntactFiles(ctx, r)
		if err != nil {
			return nil, err
		}
		for _, file := range r.Manifest.Files {
			k.Digests[file.SHA256], k.Sizes[file.Size] = file.Path, true
			if !sound[file.Path] {
				continue
			}
			id, err := fileID(filepath.Join(r.FilesDir(), file.Path))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("inspect release %s: %w", r.Name, err)
			}
			k.Files[id] = file.Path
		}
		known = append(known, k)
	}
	return known, nil
}

func fileID(path string) (verify.FileID, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return verify.FileID{}, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return verify.FileID{Dev: uint64(stat.Dev), Ino: stat.Ino}, nil
}

// pathOnMount returns the path of dir relative to the root of its mount, with a leading
// "/". It is "" on kernels before 5.8, which do not tell the mount.
func pathOnMount(dir string) string {
	id, known := mountID(dir)
	if !known {
		return ""
	}
	top := dir
	for top != "/" {
		above := filepath.Dir(top)
		if other, known := mountID(above); !known || other != id {
			break
		}
		top = above
	}
	return filepath.Join("/", strings.TrimPrefix(dir, top))
}

func mountID(path string) (id uint64, known bool) {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st) != nil {
		return 0, false
	}
	return st.Mnt_id, st.Mask&unix.STATX_MNT_ID != 0
}
