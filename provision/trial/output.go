package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
)

// How much of a trial's output is kept, in bytes. The rest is read and dropped,
// so that the process does not block.
const (
	maxLine   = 4 << 10
	maxErrors = 16 << 10
)

// output is what the process of a trial has written so far.
type output struct {
	mu     sync.Mutex
	stdout []byte
	stderr []byte

	hasLine chan struct{} // closed when stdout has a line or is longer than maxLine
	ended   chan struct{} // closed at the end of both streams
}

func newOutput() *output {
	return &output{hasLine: make(chan struct{}), ended: make(chan struct{})}
}

// read reads both streams, which dockerd sends as one.
func (o *output) read(stream io.Reader) {
	defer close(o.ended)
	// Ignore how the stream ended: the container's state decides.
	_, _ = stdcopy.StdCopy(writerFunc(o.takeStdout), writerFunc(o.takeStderr), stream)
}

type writerFunc func([]byte)

func (take writerFunc) Write(p []byte) (int, error) {
	take(p)
	return len(p), nil
}

func (o *output) takeStdout(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lineComplete() {
		return
	}
	o.stdout = append(o.stdout, p[:min(len(p), maxLine+1-len(o.stdout))]...)
	if o.lineComplete() {
		close(o.hasLine)
	}
}

func (o *output) lineComplete() bool {
	return len(o.stdout) > maxLine || bytes.IndexByte(o.stdout, '\n') >= 0
}

func (o *output) takeStderr(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stderr = append(o.stderr, p[:min(len(p), maxErrors-len(o.stderr))]...)
}

// line waits for the first line of stdout.
func (o *output) line(ctx context.Context) (string, error) {
	select {
	case <-o.hasLine:
	case <-o.ended:
	case <-ctx.Done():
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	line, _, found := bytes.Cut(o.stdout, []byte("\n"))
	switch {
	case found:
		return string(line), nil
	case len(o.stdout) > maxLine:
		return "", fmt.Errorf("its first line is longer than %d bytes", maxLine)
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	return "", errors.New("its output ended before there was a line")
}

// await waits for the end of the output, for limit at most.
func (o *output) await(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-o.ended:
	case <-ctx.Done():
	}
}

// errors returns what the process wrote to stderr.
func (o *output) errors() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.stderr)
}
