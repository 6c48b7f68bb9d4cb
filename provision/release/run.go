package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"
	"time"

	"runsc-provisioner/provision/command"
	"runsc-provisioner/provision/download"
)

// askVersion returns what the program at path prints for
// --version: at most limits.VersionBytes, within limits.VersionTime. A program that
// prints more is ended. No process that it started is left when askVersion returns; alone is as for command.Contain.
func askVersion(ctx context.Context, alone, path string, limits Limits) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limits.VersionTime, fmt.Errorf("takes longer than %s for --version", limits.VersionTime))
	defer cancel()
	out := &command.Limited{Most: limits.VersionBytes, End: cancel}
	cmd, err := start(ctx, alone, path, out)
	if errors.Is(err, fs.ErrPermission) {
		return "", &hostError{fmt.Errorf("run %s: %w (is it on a file system mounted noexec?)", path, err)}
	}
	if err != nil {
		return "", fmt.Errorf("does not start: %w", err)
	}
	err = cmd.Wait()
	switch {
	case out.Exceeded:
		return "", fmt.Errorf("prints more than %d bytes for --version", limits.VersionBytes)
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", fmt.Errorf("fails on --version: %w: %.200q", err, out.Text())
	}
	return string(out.Text()), nil
}

// start starts path. This process wrote the file. A child that another
// goroutine is forking keeps it open for writing until it executes, and until
// then start gets ETXTBSY (golang.org/issue/22315).
func start(ctx context.Context, alone, path string, out *command.Limited) (*command.Contained, error) {
	for pause := time.Millisecond; ; pause *= 2 {
		cmd, err := command.Contain(alone, func() *exec.Cmd {
			cmd := command.New(ctx, path, "--version")
			cmd.Stdout, cmd.Stderr = out, out
			return cmd
		})
		if !errors.Is(err, syscall.ETXTBSY) || pause > time.Second {
			return cmd, err
		}
		if !download.PauseFor(ctx, pause) {
			return nil, context.Cause(ctx)
		}
	}
}

// hostError is a fault of this host, not of the release.
type hostError struct{ error }
