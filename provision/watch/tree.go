package watch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The limits of a tree. A store has a few releases with a few files each.
const (
	maxDirs    = 1000
	maxEntries = 20000
)

var errTooLarge = fmt.Errorf("it has more than %d directories or %d entries", maxDirs, maxEntries)

// walk goes through the directory at root, which is target, and everything
// below it that target does not except, in an order that depends on names only.
// It calls dir for each directory before it reads it, and entry for each entry.
// It skips what is gone before it is read, and joins the errors of the rest.
func walk(target Target, root string, dir, entry func(path string)) error {
	var errs []error
	dirs, left := []string{root}, maxEntries
	for n := 0; n < len(dirs); n++ {
		if n == maxDirs {
			return errors.Join(append(errs, errTooLarge)...)
		}
		dir(dirs[n])
		entries, err := readDir(dirs[n], left)
		if errors.Is(err, errTooLarge) {
			return errors.Join(append(errs, err)...)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			errs = append(errs, err)
		}
		left -= len(entries)
		for _, e := range entries {
			if n == 0 && target.Except != "" && strings.HasPrefix(e.Name(), target.Except) {
				continue
			}
			path := filepath.Join(dirs[n], e.Name())
			entry(path)
			if e.IsDir() {
				dirs = append(dirs, path)
			}
		}
	}
	return errors.Join(errs...)
}

// readDir returns the entries of a directory by name; more than limit are an
// error.
func readDir(path string, limit int) ([]fs.DirEntry, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(limit + 1)
	if len(entries) > limit {
		return nil, errTooLarge
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}
