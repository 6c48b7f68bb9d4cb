package durable

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxXattr is the kernel's limit for one value and for a list of names
// (XATTR_SIZE_MAX and XATTR_LIST_MAX, linux/limits.h).
const maxXattr = 64 << 10

// copyXattrs copies every extended attribute of the file at from.
func copyXattrs(from string, to *os.File) error {
	names, err := listXattrs(from)
	if err != nil {
		return err
	}
	value := make([]byte, maxXattr)
	for _, name := range names {
		n, err := unix.Lgetxattr(from, name, value)
		if err != nil {
			return fmt.Errorf("read attribute %s of %s: %w", name, from, err)
		}
		if err := unix.Fsetxattr(int(to.Fd()), name, value[:n], 0); err != nil {
			return fmt.Errorf("keep attribute %s of %s: %w", name, from, err)
		}
	}
	return nil
}

func listXattrs(path string) ([]string, error) {
	list := make([]byte, maxXattr)
	n, err := unix.Llistxattr(path, list)
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list attributes of %s: %w", path, err)
	}
	names := strings.Split(string(list[:n]), "\x00")
	return names[:len(names)-1], nil
}

// HasCapabilities reports whether the file at path has capabilities (capabilities(7)). Every user who runs it gets them.
func HasCapabilities(path string) bool {
	n, err := unix.Lgetxattr(path, "security.capability", nil)
	return err == nil && n > 0
}
