package download

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// meter cancels a body that delivers too few bytes in a window. Only the time spent
// waiting for the body counts, not time that the reader spends elsewhere, for example
// on a slow disk.
type meter struct {
	body   io.Reader
	window time.Duration
	least  int64 // bytes in a window
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	read  int           // number of the current Read
	since time.Time     // when it, or the current window within it, began
	got   int64         // in this window
	spent time.Duration // of this window, in earlier Reads
	timer *time.Timer
}

func newMeter(body io.Reader, limits Limits, cancel context.CancelCauseFunc) *meter {
	return &meter{
		body:   body,
		window: limits.Window,
		least:  max(1, int64(float64(limits.MinRate)*limits.Window.Seconds())),
		cancel: cancel,
	}
}

// Read reads from the body while its rate is high enough.
func (m *meter) Read(p []byte) (int, error) {
	m.mu.Lock()
	read := m.read
	m.since = time.Now()
	m.timer = time.AfterFunc(m.window-m.spent, func() { m.expire(read) })
	m.mu.Unlock()

	n, err := m.body.Read(p)

	m.mu.Lock()
	defer m.mu.Unlock()
	m.read++
	m.timer.Stop()
	m.got += int64(n)
	m.spent += time.Since(m.since)
	if m.spent >= m.window {
		m.closeWindow()
	}
	return n, err
}

// expire ends a window within a Read. If the timer fires after that Read is
// over, it does nothing.
func (m *meter) expire(read int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if read != m.read {
		return
	}
	m.closeWindow()
	m.since = time.Now()
	m.timer = time.AfterFunc(m.window, func() { m.expire(read) })
}

func (m *meter) closeWindow() {
	if m.got < m.least {
		m.cancel(&slowError{got: m.got, least: m.least, window: m.window})
	}
	m.got, m.spent = 0, 0
}

// slowError means that a body came below the minimum rate.
type slowError struct {
	got, least int64 // bytes
	window     time.Duration
}

func (e *slowError) Error() string {
	return fmt.Sprintf("too slow: %d bytes in %s, want at least %d", e.got, e.window, e.least)
}
