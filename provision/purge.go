package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/names"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

// forget ends the records of what this program manages.
func (a *application) forget() error {
	if err := a.ConfigFiles().Forget(); err != nil {
		return err
	}
	failpoint.Here("forget: the accepted configuration is gone")
	return a.State().Before().StartOver()
}

// clearNames takes names of containers out of their hosts files. The result names the files that were left alone.
func (a *application) clearNames(s steps.ClearNames) (result string, err error) {
	left, err := names.Clear(names.Goal{DataRoot: s.DataRoot, Owner: s.Owner})
	var notes []string
	for _, l := range left {
		notes = append(notes, fmt.Sprintf("%s of container %s stays: %s", l.File, verify.Printable(l.Name), verify.Printable(l.Reason)))
	}
	return strings.Join(notes, "; "), err
}

// ownPaths are the files and directories of this program that exist, in the order in which they are removed: the records
// last.
func (pr *Provisioner) ownPaths() []string {
	var all []string
	saved := config.SavedPath(pr.Paths.Config)
	if text, err := durable.ReadLimited(saved, config.MaxFile); err == nil && strings.HasPrefix(string(text), config.SavedBy) {
		all = append(all, saved)
	}
	for _, store := range pr.Stores() {
		if pr.owns(store) {
			all = append(all, store.Dir)
		}
	}
	if !pr.State().OnlyLock() {
		all = append(all, pr.Paths.State)
	}
	return all
}

// owns reports whether a store has something of this program, or is an empty directory that this program made.
func (pr *Provisioner) owns(store release.Store) bool {
	entries, err := os.ReadDir(store.Dir)
	if err != nil {
		return false
	}
	if len(entries) > 0 {
		return slices.ContainsFunc(entries, func(entry fs.DirEntry) bool { return store.Owns(entry.Name()) })
	}
	before, _, err := pr.State().Before().Read()
	return err == nil && before != nil && !before.Objects["directory:"+store.Dir].Present
}

// dropLock removes a state directory that was made for the lock of this run.
func (pr *Provisioner) dropLock() error {
	if !pr.State().OnlyLock() {
		return nil
	}
	return removeAll(pr.Paths.State)
}

// removeOwn removes what ownPaths lists, and the directories that held it if they are empty then. The result says what
// stays, because another program's files are in it.
func (a *application) removeOwn(s steps.RemoveOwn) (result string, err error) {
	before, _, err := a.State().Before().Read()
	if err != nil {
		return "", err
	}
	var stay []string
	for _, path := range s.Paths {
		failpoint.Here("purge: before " + filepath.Base(path))
		switch path {
		case config.SavedPath(a.Paths.Config):
			err = restoreSaved(path, before)
		case a.Paths.State:
			a.removeMade(before)
			err = removeAll(path)
		default:
			var left string
			if left, err = a.removeStore(path, before); left != "" {
				stay = append(stay, left)
			}
		}
		if err != nil {
			return "", err
		}
	}
	return strings.Join(stay, "; "), nil
}

// removeAll removes a directory. One that is a mount point stays, empty.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if entries, readErr := os.ReadDir(dir); errors.Is(err, syscall.EBUSY) && readErr == nil && len(entries) == 0 {
		return nil
	}
	return err
}

// removeStore removes what this program keeps in a store, and the store, unless it was there before. stays says why it is
// not removed, because of files of another program.
func (a *application) removeStore(dir string, before *state.Before) (stays string, err error) {
	if err := a.StoreOf(filepath.Join(dir, "x")).RemoveRecords(); err != nil {
		return "", err
	}
	if before != nil && before.Objects["directory:"+dir].Present {
		return "", nil
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return dir + " stays: files of others are in it", nil
	}
	return "", nil
}

// restoreSaved removes the file of apply's flags, or puts back the one that was there before it.
func restoreSaved(path string, before *state.Before) error {
	if before != nil {
		if was := before.Objects["file:"+path]; was.Present && was.Text != "" {
			return durable.WriteFile(path, []byte(was.Text), durable.Plain(0o644))
		}
	}
	if err := durable.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// removeMade removes the directories that this program made and that are empty now.
func (a *application) removeMade(before *state.Before) {
	if before == nil {
		return
	}
	dirs := []string{filepath.Dir(config.SavedPath(a.Paths.Config)), a.Paths.Config, filepath.Dir(a.observed.File.Target)}
	for _, dir := range dirs {
		if was, recorded := before.Objects["directory:"+dir]; recorded && !was.Present && !was.Assumed {
			_ = os.Remove(dir) // fails if it is not empty
		}
	}
}
