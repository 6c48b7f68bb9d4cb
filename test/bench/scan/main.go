// Command scan looks at a host's processes with package verify and prints the
// number of sandboxes, or whether one container's evidence is complete.
//
//	scan RELEASE [whole | CONTAINER PID]
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"runsc-provisioner/test/installed"
	"runsc-provisioner/verify"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "scan:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 1 || len(args) > 3 {
		return errors.New("want RELEASE [whole | CONTAINER PID]")
	}
	files, err := installed.Files(args[0])
	if err != nil {
		return err
	}
	release := verify.Release{Name: filepath.Base(args[0]), Dir: args[0], Files: files}
	proc := verify.FS{Whole: len(args) == 2}
	if len(args) < 3 {
		survey, err := proc.Look(context.Background(), nil, []verify.Release{release})
		if err != nil {
			return err
		}
		fmt.Printf("%d sandboxes among %d processes\n", len(survey.Sandboxes), survey.Processes)
		return nil
	}
	pid, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	survey, err := proc.LookAt(context.Background(), []verify.Container{{ID: args[1], PID: pid}}, []verify.Release{release})
	if err != nil {
		return err
	}
	const lists = 100 // with more it would have looked at all processes
	if e := survey.Evidence[0]; e.Gap != verify.Complete || survey.Processes > lists {
		return fmt.Errorf("gap %d, %d processes looked at: %w", e.Gap, survey.Processes, e.Why)
	}
	fmt.Println("complete")
	return nil
}
