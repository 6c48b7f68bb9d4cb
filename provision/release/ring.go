package release

import (
	"io"
	"sync"
)

// ring is a pipe with a buffer: it lets the download run ahead of the
// unpacking by as many bytes, and no more.
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

// Write waits until all of p has found room. After Quit nothing does: p is
// dropped, or refused with the error of Quit.
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

// Close ends the writing: Read gives what is held and then err, or io.EOF.
func (r *ring) Close(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		err = io.EOF
	}
	r.readErr = err
	r.changed.Broadcast()
}

// Quit ends the reading. Without an error writes go on and lead nowhere.
func (r *ring) Quit(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.quit, r.quitErr = true, err
	r.changed.Broadcast()
}
