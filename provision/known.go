package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// knownReleases is what package verify may believe: of intact releases the
// files by device and inode, and of all the digests in their manifests, by
// which a sandbox is known whose file was deleted.
func knownReleases(installed []release.Installed) ([]verify.Release, error) {
	known := make([]verify.Release, 0, len(installed))
	var dev uint64
	for _, r := range installed {
		if dev == 0 {
			if store, err := fileID(filepath.Dir(r.Dir)); err == nil {
				dev = store.Dev
			}
		}
		k := verify.Release{Dev: dev, Name: r.Name, Dir: r.Dir, Files: map[verify.FileID]string{}, Digests: map[string]string{}}
		for _, file := range r.Manifest.Files {
			k.Digests[file.SHA256] = file.Path
			if !r.State.Intact() {
				continue
			}
			id, err := fileID(filepath.Join(r.Dir, file.Path))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("look at release %s: %w", r.Name, err)
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
