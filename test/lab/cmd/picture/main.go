// Command picture runs a session on a throwaway host, on a terminal, and writes what the terminal
// shows as an SVG file.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"runsc-provisioner/test/inrelease"
	"runsc-provisioner/test/lab"
	"runsc-provisioner/test/session"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: picture FILE.svg")
		os.Exit(64)
	}
	if err := draw(ctx, os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "picture: %v\n", err)
		os.Exit(1)
	}
}

func draw(ctx context.Context, file string) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("a throwaway host needs root")
	}
	host, err := lab.Boot(ctx, lab.Options{Name: "picture"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	shown, err := session.Record(ctx, host, inrelease.Panics{})
	if err != nil {
		return err
	}
	return os.WriteFile(file, session.SVG(session.Lines(shown, session.Width)), 0o644)
}
