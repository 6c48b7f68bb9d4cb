package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// BootAndMount is what has to stay for a proof to hold: the kernel, which has another
// boot id after each boot (random(4)), and how the store is mounted (noexec).
func (h *Host) BootAndMount() (string, error) {
	text, err := os.ReadFile(filepath.Join(h.Paths.Proc, "sys/kernel/random/boot_id"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	var mount unix.Statfs_t
	err = unix.Statfs(h.Paths.Store, &mount)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look at how %s is mounted: %w", h.Paths.Store, err)
	}
	return fmt.Sprintf("%s %x", strings.TrimSpace(string(text)), mount.Flags), nil
}
