// Package installed lists a directory of gVisor's files for package verify, in
// test programs without a store.
package installed

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"runsc-provisioner/verify"
)

// Files lists the regular files below dir; a missing dir has none.
func Files(dir string) (map[verify.FileID]string, error) {
	files := map[verify.FileID]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			files[verify.FileID{Dev: uint64(st.Dev), Ino: st.Ino}] = relative
		}
		return err
	})
	if os.IsNotExist(err) {
		return nil, nil
	}
	return files, err
}
