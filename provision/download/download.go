// Package download guarantees that a download ends: everything is limited in bytes, time, redirects and tries. It goes on
// where a connection was lost, and never takes a part of another file for the rest of this one.
//
// It never uses plain http, and has no switch that weakens TLS. It does not know what a file should be: its caller
// compares the digest.
package download

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// minProgress is how many bytes a try must gain to reset the count of tries, so
// that a large file gets through a connection that drops now and then.
const minProgress = 1 << 20

// Downloader fetches files.
type Downloader struct {
	client   *http.Client
	limits   Limits // all set
	progress func(Progress)
}

// New returns a Downloader for files below base. client is nil for one of its own, which the caller must close by end.
// It follows redirects over https only, to the host of base or one of hosts. progress may be nil. If base is a directory
// of this host (file://), no client is asked.
func New(client *http.Client, base *url.URL, hosts []string, limits Limits, progress func(Progress)) (d *Downloader, end func()) {
	d = &Downloader{limits: limits.withDefaults(), progress: progress}
	end = func() {}
	if base.Scheme == "file" {
		client = &http.Client{Transport: files{}}
	}
	if client == nil {
		client = Client(d.limits, nil)
		end = client.CloseIdleConnections
	}
	d.client = guarded(client, base, hosts, d.limits.Redirects)
	return d, end
}

// Sink takes a file as it arrives.
type Sink interface {
	// Expect gets the file's size in bytes, -1 if unknown, before the first
	// Write. Its error ends the download and is returned, like that of Write.
	Expect(size int64) error
	Write(p []byte) (int, error)
}

// Buffer is a Sink in memory. What is asked of Fetch limits it.
type Buffer struct{ bytes.Buffer }

// Expect makes no room in advance.
func (*Buffer) Expect(int64) error { return nil }

// Fetch writes the file at u, of at most most bytes, to out, each byte once, and returns its digest. It
// resumes an interrupted download, or starts over if it cannot. Errors:
// *AbsentError, *RefusedError, *UnavailableError, those of out, and the cause
// of ctx.
func (d *Downloader) Fetch(parent context.Context, u *url.URL, most int64, out Sink) (Digest, error) {
	deadline := fmt.Errorf("not finished within %s", d.limits.Total)
	ctx, cancel := context.WithTimeoutCause(parent, d.limits.Total, deadline)
	defer cancel()
	t := newTransfer(d, u, most, out)
	t.report()
	pause := backoff.ExponentialBackOff{
		InitialInterval:     d.limits.FirstPause,
		RandomizationFactor: backoff.DefaultRandomizationFactor,
		Multiplier:          backoff.DefaultMultiplier,
		MaxInterval:         d.limits.LongestPause,
	}
	fruitless := 0
	for tries := 1; ; tries++ {
		before := t.held
		err := t.try(ctx)
		if err == nil {
			return t.digest(), nil
		}
		unavailable := &UnavailableError{URL: WithoutSecrets(u), Tries: tries, Err: err}
		var again *againError
		if !errors.As(err, &again) {
			return Digest{}, err
		}
		fruitless++
		var slow *slowError
		if t.held-before >= minProgress && !errors.As(err, &slow) {
			fruitless = 0
			pause.Reset()
		}
		if again.last || fruitless >= d.limits.Tries || again.after > d.limits.RetryAfterMax {
			return Digest{}, unavailable
		}
		if !PauseFor(ctx, max(pause.NextBackOff(), again.after)) {
			if parent.Err() != nil {
				return Digest{}, context.Cause(parent)
			}
			unavailable.Err = fmt.Errorf("%w; the last try: %w", context.Cause(ctx), err)
			return Digest{}, unavailable
		}
	}
}

// againError is the failure of a try that is worth repeating.
type againError struct {
	err   error
	after time.Duration // how long the server asks to wait
	last  bool          // worth repeating later, but not now
}

func (e *againError) Error() string {
	if e.after > 0 {
		return fmt.Sprintf("%v, the server asks to wait %s", e.err, e.after)
	}
	return e.err.Error()
}

func (e *againError) Unwrap() error { return e.err }

// PauseFor waits for d, and returns false if ctx ends first.
func PauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
