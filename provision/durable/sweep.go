package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// tempSuffix matches what rand.Text adds to a temporary name.
var tempSuffix = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// Sweep removes the temporary files and links that killed writes have left
// beside path: only those that belong to the caller and have a name that
// WriteFile or Symlink would give. A missing directory has none, and neither has
// what is no directory.
func Sweep(path string) error {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	mark := tempPrefix(path)
	for _, entry := range entries {
		suffix, marked := strings.CutPrefix(entry.Name(), mark)
		if !marked || !tempSuffix.MatchString(suffix) {
			continue
		}
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
			continue
		}
		if err := Remove(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}
