// Command scan looks at a host's processes with package verify and says how
// many sandboxes there are, or whether one container's evidence is complete.
//
//	scan RELEASE [whole | CONTAINER PID]
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

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
	release, err := releaseIn(args[0])
	if err != nil {
		return err
	}
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
	const lists = 100 // more would be a look at all processes
	if e := survey.Evidence[0]; e.Gap != verify.Complete || survey.Processes > lists {
		return fmt.Errorf("gap %d, %d processes looked at: %w", e.Gap, survey.Processes, e.Why)
	}
	fmt.Println("complete")
	return nil
}

// releaseIn takes every file below dir for one of a release.
func releaseIn(dir string) (verify.Release, error) {
	r := verify.Release{Name: filepath.Base(dir), Dir: dir, Files: map[verify.FileID]string{}}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			r.Files[verify.FileID{Dev: uint64(st.Dev), Ino: st.Ino}] = relative
		}
		return err
	})
	return r, err
}
