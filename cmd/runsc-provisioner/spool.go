package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// stallAfter is how long a write may take before the command goes on without it. A
	// reader that reads takes microseconds.
	stallAfter = time.Second
	// maxSpooled bounds the text in bytes that waits for a reader that does not read. A whole
	// run prints a few KiB, without progress bars.
	maxSpooled = 1 << 20
	// drainWithin bounds the wait for such a reader at the end of a command, and
	// drainInterrupted does if a signal has ended the command.
	drainWithin      = 10 * time.Second
	drainInterrupted = time.Second
)

// errBlocked says that output was lost because nothing reads it.
var errBlocked = errors.New("blocked, nothing reads it")

// output is standard output or standard error. After a write has failed it drops all text,
// and never stops the command.
//
// After goOn, output that blocks (a full pipe, a stopped terminal) does not stop the command
// either. Write still ends when the text is written, so that the order of both streams
// stays. But if that takes too long, Write only queues the text, until the reader has caught
// up.
type output struct {
	w     io.Writer
	stall time.Duration // 0 is stallAfter

	mu      sync.Mutex
	err     error // the first error; nothing is written after it
	spools  bool
	keeps   bool // no text is dropped
	queue   [][]byte
	queued  int           // bytes in queue
	idle    chan struct{} // closed once the goroutine that writes the queue has ended; nil without one
	stalled bool          // that goroutine has taken too long
}

// goOn makes blocked output harmless.
func (o *output) goOn() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spools = true
}

// keepAll drops no more text: from here on there is no progress, only the result.
func (o *output) keepAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keeps = true
}

func (o *output) Write(p []byte) (int, error) {
	idle, wait := o.put(p)
	if !wait {
		return len(p), nil
	}
	timer := time.NewTimer(cmp.Or(o.stall, stallAfter))
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
		o.mu.Lock()
		defer o.mu.Unlock()
		o.stalled = o.idle != nil
	}
	return len(p), nil
}

// put writes p, or queues it. wait says that the caller waits for idle.
func (o *output) put(p []byte) (idle <-chan struct{}, wait bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.err != nil, o.stalled && !o.keeps && o.queued+len(p) > maxSpooled:
		return nil, false
	case !o.spools:
		_, o.err = o.w.Write(p)
		return nil, false
	}
	o.queue, o.queued = append(o.queue, bytes.Clone(p)), o.queued+len(p)
	if o.idle == nil {
		o.idle = make(chan struct{})
		go o.writeQueue()
	}
	return o.idle, !o.stalled
}

// writeQueue writes until the queue is empty or a write fails.
func (o *output) writeQueue() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 && o.err == nil {
		next := o.queue[0]
		o.mu.Unlock()
		_, err := o.w.Write(next)
		o.mu.Lock()
		o.queue, o.queued, o.err = o.queue[1:], o.queued-len(next), err
	}
	close(o.idle)
	o.queue, o.queued, o.idle, o.stalled = nil, 0, nil, false
}

// end waits until all text is written, but not for long. It returns the first error;
// errBlocked if text was not written.
func (o *output) end(ctx context.Context) error {
	limit := time.After(drainWithin)
	for canceled := ctx.Done(); ; {
		o.mu.Lock()
		idle, err := o.idle, o.err
		o.mu.Unlock()
		if idle == nil {
			return err
		}
		select {
		case <-idle:
		case <-canceled:
			canceled, limit = nil, time.After(drainInterrupted)
		case <-limit:
			return errBlocked
		}
	}
}

// eachOutput calls do for standard output and standard error.
func (to *console) eachOutput(do func(*output)) {
	for _, w := range []io.Writer{to.stdout, to.stderr} {
		if o, ok := w.(*output); ok {
			do(o)
		}
	}
}
