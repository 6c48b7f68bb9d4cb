package trial

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"runsc-provisioner/provision/durable"
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

// maxCmdline is the kernel's own limit for a command line by default.
const maxCmdline = 2 << 20

// hasArgument is false for a process that has ended.
func hasArgument(proc string, pid int, argument string) bool {
	line, err := durable.ReadLimited(filepath.Join(proc, strconv.Itoa(pid), "cmdline"), maxCmdline)
	if err != nil || len(line) == 0 {
		return false
	}
	return slices.Contains(strings.Split(string(line), "\x00")[1:], argument)
}
