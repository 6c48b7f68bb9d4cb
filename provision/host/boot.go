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
// (random(4)), and whether the store is mounted noexec. A proof holds only while both
// stay the same. Other mount flags do not count: systemd gives the service others, such as
// nosuid, and gVisor has no setuid file.
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
	return fmt.Sprintf("%s %x", strings.TrimSpace(string(text)), mount.Flags&unix.ST_NOEXEC), nil
}
