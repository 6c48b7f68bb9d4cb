package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"
	"time"
)

// askVersion returns the output of the program at path with --version. It runs
// in a clean environment and its own process group, which is killed after
// limits.VersionTime.
func askVersion(ctx context.Context, path string, limits Limits) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limits.VersionTime, fmt.Errorf("takes longer than %s for --version", limits.VersionTime))
	defer cancel()
	out := &capped{most: limits.VersionBytes}
	cmd, err := start(ctx, path, out)
	if errors.Is(err, fs.ErrPermission) {
		return "", &hostError{fmt.Errorf("run %s: %w (is it on a file system mounted noexec?)", path, err)}
	}
	if err != nil {
		return "", fmt.Errorf("does not start: %w", err)
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case out.over:
		return "", fmt.Errorf("prints more than %d bytes for --version", limits.VersionBytes)
	case err != nil:
		return "", fmt.Errorf("fails on --version: %w: %.200q", err, out.buf.Bytes())
	}
	return out.buf.String(), nil
}

// start starts path. This process wrote the file. A child that another
// goroutine is forking keeps it open for writing until it executes, and until
// then start gets ETXTBSY (golang.org/issue/22315).
func start(ctx context.Context, path string, out *capped) (*exec.Cmd, error) {
	for pause := time.Millisecond; ; pause *= 2 {
		cmd := exec.CommandContext(ctx, path, "--version")
		cmd.Dir = "/"
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
		cmd.Stdout, cmd.Stderr = out, out
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = time.Second
		err := cmd.Start()
		if !errors.Is(err, syscall.ETXTBSY) || pause > time.Second {
			return cmd, err
		}
		if !pauseFor(ctx, pause) {
			return nil, context.Cause(ctx)
		}
	}
}

// capped keeps most bytes and refuses more. The buffer is not embedded: io.Copy
// would use its ReadFrom, which has no limit.
type capped struct {
	buf  bytes.Buffer
	most int64
	over bool
}

var errTooMuch = errors.New("too much output")

func (c *capped) Write(p []byte) (int, error) {
	if c.over = c.over || int64(c.buf.Len()+len(p)) > c.most; c.over {
		return 0, errTooMuch
	}
	return c.buf.Write(p)
}

// hostError is a fault of this host, not of the release.
type hostError struct{ error }
