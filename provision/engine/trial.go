package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/moby/moby/client"
)

// TrialPrefix begins the name of every trial. What has no such name, or has no
// name and no label with one, is never removed.
const TrialPrefix = "runsc-provisioner-proof-"

// trialLabel is on the image of a trial and has the trial's name.
const trialLabel = "runsc-provisioner.proof"

var trialName = regexp.MustCompile(`^` + TrialPrefix + `[a-z0-9]{1,64}$`)

const (
	// endWithin is how long a process has to end by itself once its input has
	// ended.
	endWithin = 10 * time.Second
	// lastWords is how long what a process wrote may be on its way after dockerd
	// has seen its end.
	lastWords = time.Second
	// settleWithin is how long an answer is still waited for after the context
	// has ended. dockerd finishes what it has begun, whoever stopped listening,
	// and what it made after a removal would stay.
	settleWithin = 5 * time.Second
)

// TrialSpec is a container of our own.
type TrialSpec struct {
	Name    string   // of the container and of its image: TrialPrefix and lower-case letters or digits
	Runtime string   // a name that dockerd knows
	Init    string   // a static program on this machine
	Args    []string // its arguments, without the program's own name
	Files   []TrialFile
}

// TrialFile is a file that the image has beside Init. Root owns it.
type TrialFile struct {
	Name    string // from the root, with one directory at most: "proof/made"
	Content []byte
}

// Trial is a container of our own that runs one process, until End or until
// the process that started it dies: then its input ends, so that one which
// reads its input ends too, and dockerd removes the container. Its image then
// stays, for RemoveTrial.
type Trial struct {
	Container

	name   string
	client *Client
	attach *client.HijackedResponse // nil until it is attached to
	output *trialOutput

	mu   sync.Mutex
	gone bool // container and image are removed; protected by mu
}

// TrialError says what went wrong with a trial.
type TrialError struct {
	Act    string // import, create, attach, start, inspect, read, diff, copy or remove
	Err    error  // dockerd's own message, whole up to 64 KiB, or the context's error
	Output string // what the process wrote to stderr, at most 16 KiB
}

func (e *TrialError) Error() string { return e.Act + " trial container: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *TrialError) Unwrap() error { return e.Err }

// StartTrial makes an image of Init and Files, and runs Init in a container with
// no network and no capabilities. Its root can be written to, which takes no
// capability where root owns what is there. It takes no registry, and whatever
// dockerd has for defaults (remapped users apart) does not matter. Whoever gets a Trial must End it. Where there is an error, a
// *TrialError, or the end of ctx, container and image are removed again; only
// where that does not succeed within 20 s, a second *TrialError with the act
// "remove" is joined to the first, and RemoveTrial is to be called later.
func (c *Client) StartTrial(ctx context.Context, s TrialSpec) (*Trial, error) {
	if !trialName.MatchString(s.Name) {
		return nil, &TrialError{Act: "create", Err: fmt.Errorf("%q is no name of a trial", s.Name)}
	}
	if err := c.agree(ctx); err != nil {
		return nil, &TrialError{Act: "create", Err: c.explain(ctx, "ask", err)}
	}
	t := &Trial{name: s.Name, client: c, output: newTrialOutput()}
	if err := t.start(ctx, s); err != nil {
		return nil, errors.Join(err, t.remove(ctx))
	}
	return t, nil
}

func (t *Trial) start(ctx context.Context, s TrialSpec) error {
	moby := t.client.moby
	if err := importInit(ctx, moby, s); err != nil {
		return t.failed(ctx, "import", err)
	}
	id, err := createTrial(ctx, moby, s)
	if err != nil {
		return t.failed(ctx, "create", err)
	}
	// Before the start, so that nothing of what it writes is missed.
	attached, err := moby.ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return t.failed(ctx, "attach", err)
	}
	t.attach = &attached.HijackedResponse
	go t.output.read(attached.Reader)
	if _, err := moby.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		return t.failed(ctx, "start", err)
	}
	t.Container, err = t.client.inspect(ctx, id)
	if err == nil && t.ID == "" {
		t.output.await(ctx, lastWords)
		err = errors.New("its process ended at once")
	}
	if err == nil {
		err = ctx.Err() // the answer may have been quicker than the end of ctx
	}
	if err != nil {
		return t.failed(ctx, "inspect", err)
	}
	return nil
}

// Line is the first line that the process writes to stdout, without its end.
// One that is longer than 4 KiB, and an output that ends before there is a
// line, are a *TrialError. Asked again it is the same line.
func (t *Trial) Line(ctx context.Context) (string, error) {
	line, err := t.output.line(ctx)
	if err != nil {
		return "", t.failed(ctx, "read", err)
	}
	return line, nil
}

// End ends the input of the process and waits for its end, for 10 s or until
// ctx ends; one that does not end is killed. It returns when container and
// image are gone, also after ctx has ended, but tries for no longer than 20 s.
// Called again it does what is left to be done.
func (t *Trial) End(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone {
		return nil
	}
	// An error says that dockerd has gone, which the wait finds out.
	_ = t.attach.CloseWrite()
	t.output.await(ctx, endWithin)
	if err := t.remove(ctx); err != nil {
		return err
	}
	t.gone = true
	return nil
}

// remove leaves nothing of the trial, also when ctx has ended.
func (t *Trial) remove(ctx context.Context) error {
	if t.attach != nil {
		t.attach.Close()
	}
	if err := t.client.clear(context.WithoutCancel(ctx), t.name); err != nil {
		return &TrialError{Act: "remove", Err: err, Output: t.output.errors()}
	}
	return nil
}

// failed is an error with all that is known. What was broken off by ctx
// failed for that reason, whatever it says.
func (t *Trial) failed(ctx context.Context, act string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &TrialError{Act: act, Err: err, Output: t.output.errors()}
}

// outlast is a context that ends some time after ctx.
func outlast(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(settleWithin):
			cancel()
		case <-late.Done():
		}
	})
	return late, func() { stop(); cancel() }
}
