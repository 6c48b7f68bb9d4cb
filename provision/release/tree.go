package release

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"runsc-provisioner/provision/durable"
)

// seal completes the release in dir with the text of its manifest: once the
// manifest exists, every file that it lists is on disk.
func seal(dir string, manifest []byte) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return durable.SyncDir(path)
	})
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, manifestName), manifest, durable.Plain(plainMode))
}

// setTimes sets the times of the files in dir as in their manifest.
func setTimes(dir string, files []File) error {
	for _, f := range files {
		path, t := filepath.Join(dir, f.Path), time.Unix(0, f.MTime)
		if err := os.Chtimes(path, t, t); err != nil {
			return err
		}
		if err := syncFile(path); err != nil {
			return err
		}
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
