package release

import (
	"io"
	"sync"
)

// ring is a pipe with a buffer: the download may run ahead of the unpacking by
// the size of the buffer.
type ring struct {
	mu      sync.Mutex
	changed sync.Cond
	buf     []byte
	start   int // of what is held
	held    int // bytes
	readErr error
	quitErr error
	quit    bool
}

func newRing(size int) *ring {
	r := &ring{buf: make([]byte, size)}
	r.changed.L = &r.mu
	return r
}

// Write waits until the buffer has taken all of p. After Quit it drops p, or
// returns the error of Quit.
func (r *ring) Write(p []byte) (int, error) {
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
func (r *ring) Read(p []byte) (int, error) {
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
func (r *ring) Close(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		err = io.EOF
	}
	r.readErr = err
	r.changed.Broadcast()
}

// Quit ends the reading. Without an error, later writes are dropped.
func (r *ring) Quit(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.quit, r.quitErr = true, err
	r.changed.Broadcast()
}
