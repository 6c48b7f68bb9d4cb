package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// surviveLostOutput makes a write to a closed pipe return an error. On standard
// output and standard error, Go would end the process instead (os/signal,
// "SIGPIPE"). The signal is not ignored, because children would inherit that.
func surviveLostOutput() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// untilHangup ends ctx when the terminal or the ssh session of this process goes
// away. After nohup it does not.
func untilHangup(ctx context.Context) context.Context {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx
	}
	ctx, _ = signal.NotifyContext(ctx, syscall.SIGHUP)
	return ctx
}
