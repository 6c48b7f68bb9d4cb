package proof

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"runsc-provisioner/provision/command"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

// OutsideArg, followed by the path of a request, makes this program carry out a proof
// outside Docker for a process without the privileges for it.
const OutsideArg = "proof-outside"

// requestPrefix begins the names of the directories of requests.
const requestPrefix = dirPrefix + "request-"

// outsideRequest is the content of a request file.
type outsideRequest struct {
	Paths host.Paths  `json:"paths"`
	Self  string      `json:"self"`
	Owner int         `json:"owner"`
	Step  steps.Prove `json:"step"`
}

// outsideAnswer is the content of an answer file.
type outsideAnswer struct {
	Seen   string `json:"seen"`
	Failed bool   `json:"failed"` // Error and Output are those of a *Failed
	Error  string `json:"error"`
	Output string `json:"output"`
}

// ProveInOtherProcess is Prove in another process of this program, because a hardened unit
// can start no sandbox. start runs argv with all privileges of root, and waits for its end.
// Request and answer are files that only root can read.
func (r Runner) ProveInOtherProcess(ctx context.Context, s steps.Prove, start func(ctx context.Context, argv ...string) error) (result string, err error) {
	dir := filepath.Join(r.Paths.State, requestPrefix+strings.ToLower(rand.Text()))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("ask for a proof: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	request, err := json.Marshal(outsideRequest{Paths: r.Paths, Self: r.Self, Owner: r.Owner, Step: s})
	if err != nil {
		return "", fmt.Errorf("ask for a proof: %w", err)
	}
	path := filepath.Join(dir, "request")
	if err := durable.WriteFile(path, request, durable.Plain(0o600)); err != nil {
		return "", err
	}
	if err := start(ctx, r.Self, OutsideArg, path); err != nil {
		return "", fmt.Errorf("prove release %s: %w", s.Release, err)
	}
	text, err := durable.ReadLimited(answerPath(path), 2*command.MaxOutput+config.MaxFile)
	if err != nil {
		return "", fmt.Errorf("prove release %s: %w", s.Release, err)
	}
	var answer outsideAnswer
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", fmt.Errorf("prove release %s: %w", s.Release, err)
	}
	switch {
	case answer.Failed:
		return "", &Failed{Release: s.Release, Runtime: s.Runtime, Args: s.Args, Err: errors.New(answer.Error), Output: answer.Output}
	case answer.Error != "":
		return "", errors.New(answer.Error)
	}
	return answer.Seen, nil
}

func answerPath(request string) string { return request + ".answer" }

// AnswerRequest carries out the request in the file at path, and writes the answer beside
// it. A proof that failed is an answer, not an error.
func AnswerRequest(ctx context.Context, path string) error {
	text, err := durable.ReadLimited(path, config.MaxFile)
	if err != nil {
		return err
	}
	var request outsideRequest
	if err := json.Unmarshal(text, &request); err != nil {
		return err
	}
	runner := Runner{Host: &host.Host{Paths: request.Paths, Owner: request.Owner}, Self: request.Self}
	var answer outsideAnswer
	seen, err := runner.Prove(ctx, request.Step)
	answer.Seen = seen
	if err != nil {
		answer.Error = err.Error()
	}
	var failed *Failed
	if errors.As(err, &failed) {
		answer.Failed, answer.Error, answer.Output = true, failed.Err.Error(), failed.Output
	}
	if text, err = json.Marshal(answer); err != nil {
		return err
	}
	return durable.WriteFile(answerPath(path), text, durable.Plain(0o600))
}
