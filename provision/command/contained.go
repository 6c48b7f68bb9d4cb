package command

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Contained is a program that leaves no process behind, however it ends: not those in its
// process group, and not those that left it.
type Contained struct {
	*exec.Cmd
	alone bool // the first process of a pid namespace: the kernel ends the others with it
	dir   string
}

// Contain starts the command that build returns, made by New, in a pid namespace of its own.
// Where the kernel or the unit allows none, the end of its process group and of all programs
// in dir takes its place: a process that left the group and runs a program from elsewhere is
// not ended then. dir is a directory that nothing else runs from; "" for none. The caller
// must call Wait.
func Contain(dir string, build func() *exec.Cmd) (*Contained, error) {
	cmd := build()
	cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWPID
	err := cmd.Start()
	if err == nil {
		return &Contained{Cmd: cmd, alone: true}, nil
	}
	if !noNamespace(err) {
		return nil, err
	}
	cmd = build()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Contained{Cmd: cmd, dir: dir}, nil
}

// noNamespace reports whether err may mean that no pid namespace can be made: no privileges,
// a filter of the unit, a limit (/proc/sys/user/max_pid_namespaces), or a kernel without them
// (clone(2)).
func noNamespace(err error) bool {
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSPC, unix.EUSERS, unix.EINVAL, unix.ENOSYS} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// Wait waits for the end of the program, and ends what it started. Only then it waits for
// the end of its output, which those processes may hold.
func (c *Contained) Wait() error {
	pid := c.Process.Pid
	// While the program is not reaped, no other process group can have its number.
	for errors.Is(unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
		continue
	}
	_ = unix.Kill(-pid, unix.SIGKILL)
	var err error
	if !c.alone && c.dir != "" {
		err = EndIn(c.dir)
	}
	return errors.Join(c.Cmd.Wait(), err)
}

// endTime is how long EndIn waits for the end of one process.
const endTime = 5 * time.Second

// EndIn kills every process whose program is in dir or below it, and waits for its end. Use
// it only for a directory that nothing else runs from.
func EndIn(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	// A process may start another one while it is looked for.
	const rounds = 10
	for range rounds {
		found, err := endOnce(dir)
		if err != nil || !found {
			return err
		}
	}
	return errors.New("processes keep starting in " + dir)
}

func endOnce(dir string) (found bool, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || !runsIn(pid, dir) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has ended
		}
		// Not another process with its number.
		if runsIn(pid, dir) {
			found = true
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(endTime.Milliseconds()))
		}
		unix.Close(fd)
	}
	return found, nil
}

// runsIn reports whether the program of process pid is below dir.
func runsIn(pid int, dir string) bool {
	exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return err == nil && pid != os.Getpid() && strings.HasPrefix(exe, dir+"/")
}
