//go:build !shipped

// Command runsc-provisioner makes Docker run its containers in gVisor, and checks
// from the host that they do.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/proof"
)

func main() {
	if len(os.Args) >= 2 && os.Args[1] == proof.InitArg {
		if err := proof.Init(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) >= 2 && os.Args[1] == proof.StepArg {
		if err := proof.Step(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "runsc-provisioner:", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) >= 2 && os.Args[1] == buildkit.Arg {
		os.Exit(buildkit.Main(os.Args[2:]))
	}
	// Every file gets its mode explicitly. A strict umask of the caller must not
	// hide a file from dockerd until then.
	syscall.Umask(0o022)
	surviveLostOutput()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == proof.OutsideArg {
		if err := proof.AnswerRequest(ctx, os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(ctx, hostApp(), os.Args[1:]))
}
