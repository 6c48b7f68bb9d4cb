// Command judge lets the lab see package verify at work inside a host: it
// reads a Question as JSON, looks at that host's /proc, and prints the
// verify.Report as JSON. It decides nothing of its own.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"runsc-provisioner/test/installed"
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
		files, err := installed.Files(q.Releases[i].Dir)
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
