// Command lab prepares the lab's cache and opens a shell in a throwaway host.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"runsc-provisioner/test/lab"
)

const usage = `usage: lab prepare [trixie] [bookworm] [releases]
       lab engines
       lab shell [-binary PATH] [-engine NAME] [-buildx] [-compose] [SUITE]

prepare makes what is missing in the cache; without arguments, all but engines.
engines builds each version of dockerd that is missing in the cache.
shell boots a host (trixie), gives a shell in it, and removes it afterwards.
`

// errUsage asks for the usage text and exit code 64.
var errUsage = errors.New("usage")

func main() {
	// The first signal ends the run in order and removes the host; a second one
	// kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	switch err := run(ctx, os.Args[1:]); {
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(64)
	case err != nil:
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch args[0] {
	case "prepare":
		return prepare(ctx, args[1:])
	case "engines":
		return engines(ctx)
	case "shell":
		return shell(ctx, args[1:])
	default:
		return errUsage
	}
}

func prepare(ctx context.Context, names []string) error {
	if len(names) == 0 {
		names = append(lab.Suites(), lab.ReleaseTree)
	}
	cache, err := lab.OpenCache(os.Stdout)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := cache.Prepare(ctx, names...); err != nil {
		return err
	}
	fmt.Printf("lab: %v in %s, after %.1f s\n", names, cache.Dir(), time.Since(start).Seconds())
	return nil
}

func engines(ctx context.Context) error {
	cache, err := lab.OpenCache(os.Stdout)
	if err != nil {
		return err
	}
	for _, e := range lab.Engines() {
		if !e.Built() {
			fmt.Printf("lab: dockerd %s is that of Debian's %s\n", e.Name, e.Suites[0])
			continue
		}
		dir, err := cache.Engine(ctx, e)
		if err != nil {
			return err
		}
		fmt.Printf("lab: dockerd %s is in %s\n", e.Version(), dir)
	}
	return nil
}

func shell(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("shell", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	binary, engine, buildx := flags.String("binary", "", ""), flags.String("engine", "", ""), flags.Bool("buildx", false, "")
	compose := flags.Bool("compose", false, "")
	if flags.Parse(args) != nil || flags.NArg() > 1 {
		return errUsage
	}
	start := time.Now()
	host, err := lab.Boot(ctx, lab.Options{Suite: flags.Arg(0), Binary: *binary, Engine: *engine, Buildx: *buildx, Compose: *compose})
	if err != nil {
		return err
	}
	defer func() {
		start := time.Now()
		err = errors.Join(err, host.Close())
		fmt.Printf("lab: %s removed in %.1f s\n", host.Name(), time.Since(start).Seconds())
	}()
	fmt.Printf("lab: %s is up after %.1f s; its root is %s on this machine. Leave the shell to remove it.\n",
		host.Name(), time.Since(start).Seconds(), host.Path("/"))
	return host.Shell(ctx)
}
