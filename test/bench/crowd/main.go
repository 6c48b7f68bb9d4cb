// Command crowd starts COUNT idle processes, writes a file when all exist, and
// ends them when it ends.
//
//	crowd COUNT FILE
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// The children die with the thread that made them, so it must stay.
func init() { runtime.LockOSThread() }

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("got %d arguments, want COUNT FILE", len(args))
	}
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for i := range count {
		if err := child(); err != nil {
			return fmt.Errorf("process %d of %d: %w", i, count, err)
		}
	}
	if err := os.WriteFile(args[1], []byte("ready\n"), 0o644); err != nil {
		return err
	}
	for {
		if err := unix.Pause(); err != nil && err != unix.EINTR {
			return err
		}
	}
}

// child forks. The new process has only this one of the Go runtime's threads,
// so it only makes system calls.
func child() error {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid != 0 {
		return nil
	}
	syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
	for {
		syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}
