package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// killRuntime kills every process that has the container's ID as an argument:
// containerd's shim, the runtime and its sandbox. If the process leads a
// process group it kills the whole group: the shim's group has everything that
// the runtime started and that keeps its output open. Nothing else ends a start
// that hangs: dockerd waits for the shim without limit, and so does a request
// to remove the container (20.10 and 26.1). containerd cleans up afterwards by
// running the runtime once more.
func killRuntime(proc, id string) error {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return err
	}
	var failed []error
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() || !hasArgument(proc, pid, id) {
			continue
		}
		if group, err := syscall.Getpgid(pid); err == nil && group == pid {
			pid = -pid
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			failed = append(failed, fmt.Errorf("kill process %d, which hangs: %w", pid, err))
		}
	}
	return errors.Join(failed...)
}

// hasArgument is false for a process that has ended.
func hasArgument(proc string, pid int, argument string) bool {
	line, err := readSmall(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
	if err != nil || line == "" {
		return false
	}
	return slices.Contains(strings.Split(line, "\x00")[1:], argument)
}
