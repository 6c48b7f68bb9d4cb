//go:build failpoint

// Package failpoint marks the instants at which a test may kill a run. This is
// the build with the tag failpoint, which counts them:
//
//   - RUNSC_FAILPOINT_LOG=PATH appends the name of each to a file;
//   - RUNSC_FAILPOINT=N sends SIGKILL to this process at the Nth, counted from 1,
//     and RUNSC_FAILPOINT=NAME at the first of that name;
//   - RUNSC_FAILPOINT_DO=SCRIPT, in addition, runs SCRIPT in a shell there instead,
//     as a child of this process, and goes on after it has ended;
//   - RUNSC_FAILPOINT_SHUTDOWN=DIR, in addition, first shuts down the ext4 of
//     DIR without flushing its log, as a power loss would.
//
// It is for the lab only: no build with this tag is released.
package failpoint

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// timestamp matches the part of a name that differs between runs.
var timestamp = regexp.MustCompile(`\d{8}T\d{6}\.\d+Z`)

var (
	mu    sync.Mutex
	count int
)

// Here counts an instant, and acts if it is the chosen one.
func Here(name string) {
	mu.Lock()
	defer mu.Unlock()
	count++
	if path := os.Getenv("RUNSC_FAILPOINT_LOG"); path != "" {
		note(path, name)
	}
	at := os.Getenv("RUNSC_FAILPOINT")
	if n, err := strconv.Atoi(at); (err != nil || n != count) && at != timestamp.ReplaceAllString(name, "TIME") {
		return
	}
	if script := os.Getenv("RUNSC_FAILPOINT_DO"); script != "" {
		_ = exec.Command("/bin/sh", "-c", script).Run() // it may kill this process too
		return
	}
	if dir := os.Getenv("RUNSC_FAILPOINT_SHUTDOWN"); dir != "" {
		shutdown(dir)
	}
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}

func note(path, name string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, timestamp.ReplaceAllString(name, "TIME")); err != nil {
		panic(err)
	}
}

const (
	ext4Shutdown       = 0x8004587d // EXT4_IOC_SHUTDOWN, linux/fs.h: FS_IOC_SHUTDOWN
	shutdownNoLogFlush = 2          // FS_SHUTDOWN_FLAGS_NOLOGFLUSH
)

// shutdown drops everything that the file system of dir has not yet written to
// disk.
func shutdown(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		panic(err)
	}
	flags := uint32(shutdownNoLogFlush)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		panic(errno)
	}
}
