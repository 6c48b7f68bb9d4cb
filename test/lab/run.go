package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// A Result is that of a program that ran in a host.
type Result struct {
	Stdout, Stderr string // at most 16 MiB each, the rest is dropped
	Code           int    // exit status; 128+N after signal N
}

// String is for failure messages.
func (r Result) String() string {
	return fmt.Sprintf("exit %d\nstdout: %s\nstderr: %s", r.Code, strings.TrimSpace(r.Stdout), strings.TrimSpace(r.Stderr))
}

// Command is a program to run in a host.
type Command struct {
	Argv []string
	// Env is added to PATH, HOME and LANG; the rest of the machine's
	// environment is not passed on.
	Env   []string
	Stdin io.Reader
	// Stdout and Stderr, if set, get the output instead of the Result.
	Stdout, Stderr io.Writer
}

// Run runs a program in the host as root and waits for it. An exit status other
// than 0 is not an error.
func (h *Host) Run(ctx context.Context, argv ...string) (Result, error) {
	return h.RunWith(ctx, Command{Argv: argv})
}

// RunWith is Run with an environment, an input or another destination of the
// output. When ctx ends, the program and all its children in the host are
// killed.
func (h *Host) RunWith(ctx context.Context, c Command) (Result, error) {
	group, err := h.runCgroup()
	if err != nil {
		return Result{}, err
	}
	defer group.removeEmpty()
	fd, err := os.Open(group.path)
	if err != nil {
		return Result{}, err
	}
	defer fd.Close()

	argv := append([]string{"--target=" + strconv.Itoa(h.leader), "--all", "--"}, c.Argv...)
	cmd := exec.CommandContext(ctx, "nsenter", argv...)
	cmd.Env = append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
	}, c.Env...)
	cmd.Stdin = c.Stdin
	var stdout, stderr limitedBuffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	if c.Stderr != nil {
		cmd.Stderr = c.Stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(fd.Fd())}
	// nsenter forks and does not pass signals on.
	cmd.Cancel = group.kill
	cmd.WaitDelay = killGrace

	err = cmd.Run()
	r := Result{Stdout: stdout.String(), Stderr: stderr.String()}
	if ctx.Err() != nil {
		return r, fmt.Errorf("run %s: %w", strings.Join(c.Argv, " "), context.Cause(ctx))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return r, fmt.Errorf("run %s: %w", strings.Join(c.Argv, " "), err)
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if r.Code = status.ExitStatus(); status.Signaled() {
		r.Code = 128 + int(status.Signal())
	}
	return r, nil
}

// Shell runs an interactive shell on this process's terminal.
func (h *Host) Shell(ctx context.Context) error {
	_, err := h.RunWith(ctx, Command{
		Argv:  []string{"bash", "-l"},
		Env:   []string{"TERM=" + os.Getenv("TERM")},
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	return err
}

// runCgroup makes a cgroup for one program below that of the host's systemd, so
// that the host sees it with an ordinary path.
func (h *Host) runCgroup() (*cgroup, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.leader == 0 {
		return nil, fmt.Errorf("run in %s: the host is closed", h.id)
	}
	h.runs++
	path := fmt.Sprintf("%s/payload/lab-run-%d", h.machine.cgroup.path, h.runs)
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, fmt.Errorf("run in %s: %w", h.id, err)
	}
	return &cgroup{path}, nil
}
