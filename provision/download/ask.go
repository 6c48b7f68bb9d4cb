package download

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"runsc-provisioner/pattern"
)

// request sends one request, for the whole file or for the missing part.
func (t *transfer) request(ctx context.Context) (*http.Response, error) {
	var handshake atomic.Pointer[error]
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				handshake.Store(&err)
			}
		},
	})
	req, err := http.NewRequestWithContext(traced, http.MethodGet, t.url.String(), nil)
	if err != nil {
		return nil, t.refuse("%w", withoutURL(err))
	}
	req.Header.Set("User-Agent", "runsc-provisioner")
	// With another encoding, byte counts would not be those of the file.
	req.Header.Set("Accept-Encoding", "identity")
	if t.held > 0 && !t.noRange {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", t.held))
		if t.etag != "" {
			req.Header.Set("If-Range", t.etag)
		}
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, t.unanswered(ctx, err, handshake.Load())
	}
	return resp, nil
}

// unanswered distinguishes an untrusted server from an unreachable one.
func (t *transfer) unanswered(ctx context.Context, err error, handshake *error) error {
	var refused *RefusedError
	switch {
	case errors.As(err, &refused):
		return refused // a redirect
	case ctx.Err() != nil:
		return &againError{err: context.Cause(ctx)}
	case handshake != nil && !transient(*handshake):
		return t.refuse("%w", *handshake)
	default:
		return &againError{err: withoutURL(err)}
	}
}

// transient reports whether an error comes from the network, not from a
// certificate or protocol.
func transient(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled)
}

// withoutURL removes the URL that net/http adds to its errors: it may have a user
// name.
func withoutURL(err error) error {
	var around *url.Error
	if errors.As(err, &around) {
		return around.Err
	}
	return err
}

// status returns the error for an answer without a file.
func (t *transfer) status(resp *http.Response) error {
	said := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	if kind := resp.Header.Get("Content-Type"); kind != "" {
		said += fmt.Sprintf(" (%.60q)", kind)
	}
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound || code == http.StatusForbidden:
		return &AbsentError{URL: WithoutSecrets(t.url), Status: said}
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500:
		return &againError{err: errors.New(said), after: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	default:
		return t.refuse("%s", said)
	}
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3). It returns 0 if there
// is none.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}

var contentRange = pattern.Lazy(`^bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)$`)

// parseContentRange reads the first byte and the whole size, -1 if unknown.
func parseContentRange(value string) (first, size int64, ok bool) {
	m := contentRange().FindStringSubmatch(value)
	if m == nil {
		return 0, 0, false
	}
	// At most 18 digits each.
	first, _ = strconv.ParseInt(m[1], 10, 64)
	last, _ := strconv.ParseInt(m[2], 10, 64)
	if m[3] == "*" {
		return first, -1, first <= last
	}
	size, _ = strconv.ParseInt(m[3], 10, 64)
	return first, size, first <= last && last < size
}
