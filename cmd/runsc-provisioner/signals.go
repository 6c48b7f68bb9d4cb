package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// surviveLostOutput has a write to a pipe that was closed at its other end fail,
// also on standard output and standard error, where Go ends the process (os/signal,
// "SIGPIPE"). It is not ignored: that would be handed on to children.
func surviveLostOutput() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// untilHangup is ctx until the terminal or the ssh session of this process goes
// away, for as long as the process lasts. After nohup that stays ignored.
func untilHangup(ctx context.Context) context.Context {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx
	}
	ctx, _ = signal.NotifyContext(ctx, syscall.SIGHUP)
	return ctx
}
