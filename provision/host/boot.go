package host

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runsc-provisioner/provision/durable"
	"strings"

	"golang.org/x/sys/unix"
)

// BootAndMount returns the boot id of the kernel, which differs after each boot
// (random(4)), and the mount flags of the store (noexec). A proof holds only while both
// stay the same.
func (p Paths) BootAndMount() (string, error) {
	text, err := durable.ReadProc(filepath.Join(p.Proc, "sys/kernel/random/boot_id"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	var mount unix.Statfs_t
	err = unix.Statfs(p.Store, &mount)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the mount flags of %s: %w", p.Store, err)
	}
	return fmt.Sprintf("%s %x", strings.TrimSpace(string(text)), mount.Flags), nil
}
