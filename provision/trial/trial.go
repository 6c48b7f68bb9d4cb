// Package trial guarantees that what it makes in Docker, the container and the images with the name of a trial, it removes
// again, or says within 20 s that it could not: also if its own context ends, if the container hangs at its start, and if
// dockerd restarts meanwhile. Remove does so for a run that was killed.
//
// It runs one program in a container without network and capabilities, or as a step of a build, and shows what Docker
// sees of it. It needs no registry. It removes only objects with the name or the label of a trial, and kills only the
// processes of a trial's container whose start hangs. Its errors are *Error; what they quote was written by dockerd, by
// the runtime or by the program, and is not safe for a terminal.
package trial

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"runsc-provisioner/pattern"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/verify"
)

// Prefix begins the name of every trial. An object is removed only if its
// name is a trial's or, for an untagged image, if its label is.
const Prefix = "runsc-provisioner-proof-"

// label is a label on a trial's image; its value is the trial's name.
const label = "runsc-provisioner.proof"

var validName = pattern.Lazy(`^` + Prefix + `[a-z0-9]{1,64}$`)

const (
	// endWithin is how long a process may take to end after its input has
	// ended.
	endWithin = 10 * time.Second
	// lastOutputTime is how long to wait for the last output of a process after
	// dockerd has seen it end.
	lastOutputTime = time.Second
	// settleWithin is how long to wait for an answer after the context has
	// ended. dockerd finishes a request even if the client is gone, and an
	// object that it makes after our removal would stay.
	settleWithin = 5 * time.Second
)

// Spec describes a trial container.
type Spec struct {
	Name    string   // of container and image: Prefix, then lower-case letters or digits
	Runtime string   // a name that dockerd knows
	Init    string   // a static program on this machine
	Args    []string // its arguments, without the program's own name
	Files   []File
}

// File is a further file in the image, owned by root.
type File struct {
	Name    string // from the root, with one directory at most: "proof/made"
	Content []byte
}

// A Trial is a container that runs one process until End. If this program dies,
// the process's input ends, so a process that reads its input ends too, and
// dockerd removes the container. The image then remains until Remove.
type Trial struct {
	verify.Container

	name    string
	dockerd *engine.Client
	moby    *client.Client
	attach  *client.HijackedResponse // nil until attached
	output  *output

	mu   sync.Mutex
	gone bool // container and image are removed; protected by mu
}

// Error is the failure of one act of a trial.
type Error struct {
	Act    string // import, create, attach, start, inspect, read, diff, copy or remove
	Err    error  // dockerd's own message, whole up to 64 KiB, or the context's error
	Output string // what the process wrote to stderr, at most 16 KiB
}

func (e *Error) Error() string { return e.Act + " trial container: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Start makes an image of Init and Files, and runs Init in a container
// without network and capabilities. Its root file system is writable: that
// takes no capability, because root owns the files. It needs no registry, and
// dockerd's defaults do not affect it, except for userns-remap. The caller must
// End the Trial. After an error, a *Error, or the end of ctx, container
// and image are removed again. If that takes more than 20 s, a second
// *Error with the act "remove" is joined to the first; then call
// Remove later.
func Start(ctx context.Context, c *engine.Client, s Spec) (*Trial, error) {
	if !validName().MatchString(s.Name) {
		return nil, &Error{Act: "create", Err: fmt.Errorf("%q is not a trial's name", s.Name)}
	}
	moby, err := c.Moby(ctx)
	if err != nil {
		return nil, &Error{Act: "create", Err: err}
	}
	t := &Trial{name: s.Name, dockerd: c, moby: moby, output: newOutput()}
	if err := t.start(ctx, s); err != nil {
		return nil, errors.Join(err, t.remove(ctx))
	}
	return t, nil
}

func (t *Trial) start(ctx context.Context, s Spec) error {
	if err := importInit(ctx, t.moby, s); err != nil {
		return t.failed(ctx, "import", err)
	}
	id, err := createContainer(ctx, t.moby, s)
	if err != nil {
		return t.failed(ctx, "create", err)
	}
	// Attach before the start, to miss none of its output.
	attached, err := t.moby.ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return t.failed(ctx, "attach", err)
	}
	t.attach = &attached.HijackedResponse
	go t.output.read(attached.Reader)
	if _, err := t.moby.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		return t.failed(ctx, "start", err)
	}
	found, err := t.dockerd.Inspect(ctx, []string{id})
	if len(found) == 1 {
		t.Container, err = found[0], found[0].Unread
	}
	if err == nil && t.ID == "" {
		t.output.await(ctx, lastOutputTime)
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

// Line returns the first line that the process writes to stdout, without its
// newline. If it is longer than 4 KiB, or the output ends before there is a
// line, the error is a *Error. A second call returns the same line.
func (t *Trial) Line(ctx context.Context) (string, error) {
	line, err := t.output.line(ctx)
	if err != nil {
		return "", t.failed(ctx, "read", err)
	}
	return line, nil
}

// End ends the input of the process and waits until it ends, for 10 s or until
// ctx ends; then it kills the process. It returns when container and image are
// gone, even after ctx has ended, but tries for 20 s at most. A second call
// finishes what the first could not.
func (t *Trial) End(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone {
		return nil
	}
	// An error means that dockerd is gone, which the wait notices.
	_ = t.attach.CloseWrite()
	t.output.await(ctx, endWithin)
	if err := t.remove(ctx); err != nil {
		return err
	}
	t.gone = true
	return nil
}

// remove removes everything of the trial, even after ctx has ended.
func (t *Trial) remove(ctx context.Context) error {
	if t.attach != nil {
		t.attach.Close()
	}
	if err := clearAll(context.WithoutCancel(ctx), t.dockerd, t.name); err != nil {
		return &Error{Act: "remove", Err: err, Output: t.output.errors()}
	}
	return nil
}

// failed makes a *Error. If ctx has ended, that is the cause, whatever err
// says.
func (t *Trial) failed(ctx context.Context, act string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &Error{Act: act, Err: err, Output: t.output.errors()}
}

// outlastContext returns a context that ends settleWithin after ctx.
func outlastContext(ctx context.Context) (context.Context, context.CancelFunc) {
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
