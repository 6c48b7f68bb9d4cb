// Package pipe is a pipe with a buffer between one goroutine that writes and one that reads: what a download delivers
// waits there for its unpacking, up to the size of the buffer.
package pipe

import (
	"io"
	"sync"
)

// Pipe is a ring of bytes.
type Pipe struct {
	mu      sync.Mutex
	changed sync.Cond
	buf     []byte
	start   int // of what is held
	held    int // bytes
	readErr error
	quitErr error
	quit    bool
}

// New makes a Pipe that holds up to size bytes.
func New(size int) *Pipe {
	r := &Pipe{buf: make([]byte, size)}
	r.changed.L = &r.mu
	return r
}

// Write waits until the buffer has taken all of p. After Quit it drops p, or
// returns the error of Quit.
func (r *Pipe) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	written := 0
	for written < len(p) {
		for r.held == len(r.buf) && !r.quit {
			r.changed.Wait()
		}
		if r.quit {
			if r.quitErr != nil {
				return written, r.quitErr
			}
			return len(p), nil
		}
		end := (r.start + r.held) % len(r.buf)
		room := min(len(r.buf)-end, len(r.buf)-r.held)
		n := copy(r.buf[end:end+room], p[written:])
		r.held += n
		written += n
		r.changed.Broadcast()
	}
	return written, nil
}

// Read waits for some bytes, or for Close.
func (r *Pipe) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.held == 0 && r.readErr == nil {
		r.changed.Wait()
	}
	if r.held == 0 {
		return 0, r.readErr
	}
	n := copy(p, r.buf[r.start:min(r.start+r.held, len(r.buf))])
	r.start = (r.start + n) % len(r.buf)
	r.held -= n
	r.changed.Broadcast()
	return n, nil
}

// Close ends the writing: Read returns the rest of the buffer and then err, or
// io.EOF.
func (r *Pipe) Close(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		err = io.EOF
	}
	r.readErr = err
	r.changed.Broadcast()
}

// Quit ends the reading. Without an error, later writes are dropped.
func (r *Pipe) Quit(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.quit, r.quitErr = true, err
	r.changed.Broadcast()
}
