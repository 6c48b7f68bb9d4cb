// Package command guarantees that a program runs in a clean environment and ends with its
// context, together with the processes that it started. It never uses a shell, and never
// passes on this process's environment.
package command

import (
	"bytes"
	"context"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// New returns a command that is not started yet. Its environment is PATH and LANG, and its
// directory is /. It runs in a new process group, which is killed when ctx ends.
func New(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// MaxOutput is how many bytes of a program's output an Output keeps.
const MaxOutput = 16 << 10

// Output keeps the first MaxOutput bytes that a program writes, and drops the
// rest. The zero Output is ready for use.
type Output struct{ bytes.Buffer }

// Write never fails, so that a program that writes more is not stopped by it.
func (o *Output) Write(p []byte) (int, error) {
	o.Buffer.Write(p[:min(len(p), MaxOutput-o.Len())])
	return len(p), nil
}
