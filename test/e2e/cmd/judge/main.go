// Command judge lets the lab see package verify at work inside a host: it
// reads a Question as JSON, looks at that host's /proc, and prints the
// verify.Report as JSON. It decides nothing of its own.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"runsc-provisioner/verify"
)

// A Question is what dockerd and the store would say.
type Question struct {
	Containers []verify.Container
	Runtimes   map[string]string
	Releases   []verify.Release // Files are filled in from Dir, where it exists
}

// An Answer is the report, and what else the survey said.
type Answer struct {
	Report   verify.Report
	InUse    map[string]int
	Evidence []verify.Evidence
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func run() error {
	var q Question
	if err := json.NewDecoder(os.Stdin).Decode(&q); err != nil {
		return fmt.Errorf("read the question: %w", err)
	}
	for i := range q.Releases {
		files, err := filesIn(q.Releases[i].Dir)
		if err != nil {
			return err
		}
		q.Releases[i].Files = files
	}
	proc := verify.FS{Whole: true}
	survey, err := proc.Look(context.Background(), q.Containers, q.Releases)
	if err != nil {
		return err
	}
	runtimes := verify.Resolve(q.Runtimes)
	var verdicts []verify.Verdict
	for i, c := range q.Containers {
		verdicts = append(verdicts, verify.Judge(c, survey.Evidence[i], runtimes, q.Releases))
		survey.Evidence[i].Why = nil // an error has no JSON; the check tells it
	}
	report := verify.NewReport(verdicts, survey, q.Containers)
	return json.NewEncoder(os.Stdout).Encode(Answer{Report: report, InUse: survey.InUse, Evidence: survey.Evidence})
}

func filesIn(dir string) (map[verify.FileID]string, error) {
	files := map[verify.FileID]string{}
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
			files[verify.FileID{Dev: uint64(st.Dev), Ino: st.Ino}] = relative
		}
		return err
	})
	if os.IsNotExist(err) {
		return nil, nil
	}
	return files, err
}
