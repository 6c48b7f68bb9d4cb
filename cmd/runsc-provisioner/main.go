// Command runsc-provisioner makes Docker run its containers in gVisor, and
// says from the host whether they do.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"runsc-provisioner/provision"
)

func main() {
	if len(os.Args) >= 2 && os.Args[1] == provision.ProofArg {
		if err := provision.ProofInit(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// What others need to read is given its mode file by file; a hostile umask
	// must not take it away in between.
	syscall.Umask(0o022)
	surviveLostOutput()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == provision.OutsideArg {
		if err := provision.ProveForAnother(ctx, os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(ctx, hostApp(), os.Args[1:]))
}
