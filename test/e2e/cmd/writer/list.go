package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// list prints a line for each file below dir, as this process sees it.
func list(dir string) error {
	return filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		line, err := describe(name)
		if err == nil {
			fmt.Println(line)
		}
		return err
	})
}

func describe(name string) (string, error) {
	var s unix.Stat_t
	if err := unix.Lstat(name, &s); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	line := fmt.Sprintf("%q %o %d:%d", name, s.Mode, s.Uid, s.Gid)
	// What was made just now has no time that two runs share.
	if s.Mtim.Sec < 1<<30 {
		line += fmt.Sprintf(" at %d", s.Mtim.Sec)
	}
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		line += fmt.Sprintf(" %d links, %d bytes, %x", s.Nlink, s.Size, sha256.Sum256(text))
	case unix.S_IFLNK:
		target, err := os.Readlink(name)
		if err != nil {
			return "", err
		}
		return line + fmt.Sprintf(" to %q", target), nil
	}
	attributes, err := xattrs(name)
	return line + attributes, err
}

// xattrs are those of user.*: of others a container is shown what its kernel
// has.
func xattrs(name string) (string, error) {
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(name, buf)
	if err != nil {
		return "", fmt.Errorf("list attributes of %s: %w", name, err)
	}
	var line string
	for attribute := range strings.SplitSeq(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
		if !strings.HasPrefix(attribute, "user.") {
			continue
		}
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(name, attribute, value)
		if err != nil {
			return "", fmt.Errorf("attribute %s of %s: %w", attribute, name, err)
		}
		line += fmt.Sprintf(" %s=%q", attribute, value[:n])
	}
	return line, nil
}
