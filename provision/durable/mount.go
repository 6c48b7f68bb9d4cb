package durable

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
)

// maxMounts limits how many bytes of /proc/self/mountinfo are read: a host with
// thousands of containers has a megabyte.
const maxMounts = 16 << 20

// mountAt describes what is mounted at path, or returns "" if nothing is.
func mountAt(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	f, err := OpenRegular("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("read mounts: %w", err)
	}
	defer f.Close()
	return findMount(io.LimitReader(f, maxMounts), path)
}

// findMount searches the text of proc_pid_mountinfo(5). Of several mounts at
// one path, the last one is on top.
func findMount(text io.Reader, path string) (string, error) {
	found := ""
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 || unescape(fields[4]) != path {
			continue
		}
		found = unescape(fields[3])
		if _, after, ok := strings.Cut(lines.Text(), " - "); ok {
			if rest := strings.Fields(after); len(rest) >= 2 {
				found += " of " + unescape(rest[1])
			}
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("read mounts: %w", err)
	}
	return found, nil
}

// unescape replaces the kernel's \ooo by blanks and backslashes.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
