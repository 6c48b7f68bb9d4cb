package release

import (
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

// downloader fetches the files of one release.
type downloader struct {
	client   *http.Client
	limits   Limits // all set
	progress func(Progress)
}

// sink takes a file as it arrives.
type sink interface {
	// Expect gets the file's size in bytes, -1 if unknown, before the first
	// Write. Its error ends the download and is returned, like that of Write.
	Expect(size int64) error
	Write(p []byte) (int, error)
}

// fetch writes the file at u to out, each byte once, and returns its digest. It
// resumes an interrupted download, or starts over if it cannot. Errors:
// *absentError, *RefusedError, *UnavailableError, those of out, and the cause
// of ctx.
func (d *downloader) fetch(parent context.Context, u *url.URL, most int64, out sink) (Digest, error) {
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
		unavailable := &UnavailableError{URL: withoutSecrets(u), Tries: tries, Err: err}
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
		if !pauseFor(ctx, max(pause.NextBackOff(), again.after)) {
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

// absentError is a missing file, or one that is not public: gVisor's bucket
// answers 404, mirrors without listing answer 403.
type absentError struct {
	url    string
	status string
}

func (e *absentError) Error() string { return fmt.Sprintf("fetch %s: %s", e.url, e.status) }

// pauseFor returns false if ctx ends first.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
