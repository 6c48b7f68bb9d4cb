// Command bench measures this project against the alternatives that users have,
// and prints one table.
//
// It guarantees that both sides are whole processes that do their work on the
// same machine, in turn, and that a side that did not do its work fails the
// benchmark. It never fails because of a slow result: the table shows a missed
// aim.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

// leastRuns are enough for a median that one disturbed run does not change.
const leastRuns = 10

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == installChild {
		return installOnce(ctx, args[1:])
	}
	var p pace
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&p.runs, "runs", 11, "measured runs of each side")
	flags.DurationVar(&p.idle, "idle", 5*time.Minute, "how long to measure the idle daemon")
	flags.StringVar(&p.only, "only", "", "measure only this: apply, answers, install, signed, rollback, verify, writes, builds, names, drift or footprint")
	flags.IntVar(&p.warmup, "warmup", 2, "runs of each side before those")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case p.runs < leastRuns || p.warmup < 1:
		return fmt.Errorf("-runs is at least %d and -warmup at least 1", leastRuns)
	}
	return bench(ctx, p)
}

// pace says how often each side runs, for how long, and which measurements to
// make.
type pace struct {
	runs, warmup int
	idle         time.Duration
	only         string
}

func bench(ctx context.Context, p pace) (err error) {
	// Below /var/tmp: unlike /tmp it is on a disk, where syncing takes time.
	dir, err := os.MkdirTemp("/var/tmp", "runsc-provisioner-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	built, err := build(ctx, dir)
	if err != nil {
		return err
	}
	var rows []row
	switch {
	case os.Geteuid() == 0:
		if rows, err = inLab(ctx, p, built, dir); err != nil {
			return err
		}
	case os.Getenv("CI") == "true":
		return errors.New("the lab needs root")
	default:
		fmt.Println("skipped: the measurements in the lab need root")
	}
	size, err := sizeRow(built)
	if err != nil {
		return err
	}
	fmt.Printf("\nMedians of %d runs each or more, taken in turn after %d to warm up (least – most). %s/%s, %d CPUs.\n\n",
		p.runs, p.warmup, runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	return printTable(os.Stdout, append(rows, size))
}

func inLab(ctx context.Context, p pace, built programs, dir string) ([]row, error) {
	var rows []row
	for _, one := range []struct {
		name, doing string
		measure     func() ([]row, error)
	}{
		{"apply", "apply with nothing to do", func() ([]row, error) { return applyRows(ctx, p, built) }},
		{"answers", "dockerd's answers during an apply", func() ([]row, error) { return answerRows(ctx, p, built) }},
		{"install", "the installation of a release", func() ([]row, error) { return installRows(ctx, p, built, dir) }},
		{"signed", "the installation of a signed release", func() ([]row, error) { return signedRows(ctx, p, built) }},
		{"rollback", "the way back to the previous release", func() ([]row, error) { return rollbackRows(ctx, p, built) }},
		{"verify", "looks at processes and containers", func() ([]row, error) { return verifyRows(ctx, p, built) }},
		{"writes", "what keeping writes costs", func() ([]row, error) { return writesRows(ctx, p, built, dir) }},
		{"builds", "docker build in a sandbox", func() ([]row, error) { return buildRows(ctx, p, built) }},
		{"names", "names in sandboxes", func() ([]row, error) { return namesRows(ctx, p, built) }},
		{"drift", "how long drift lasts", func() ([]row, error) { return driftRows(ctx, built) }},
		{"footprint", "what the daemon takes, for " + p.idle.String(), func() ([]row, error) { return footprintRows(ctx, built, p.idle) }},
	} {
		if p.only != "" && p.only != one.name {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s, in a throwaway host\n", one.doing)
		more, err := one.measure()
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", one.doing, err)
		}
		rows = append(rows, more...)
	}
	return rows, nil
}
