package engine

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
)

// maxRunning limits the list of running containers in bytes. It is read entry
// by entry: a container with huge labels must not hide the others.
const maxRunning = 512 << 20

// The limits of one answer, in bytes. A container's entry in the list is 1–3
// KiB, an inspection 5–10 KiB, so only forged labels reach them.
const (
	maxAnswer  = 64 << 20
	maxList    = 64 << 20
	maxEvent   = 1 << 20   // with its newline
	maxLabels  = 256 << 10 // of one container, as JSON
	maxTrial   = 1 << 20   // of a trial's files and changes, which are few
	maxRefusal = 4 << 10   // the message of a refusal, which ends up in an error

	// The refusal to start a container includes everything that the runtime
	// wrote, perhaps a whole panic.
	maxStartRefusal = 64 << 10
)

var errTooLarge = errors.New("answer too large")

// limited is a transport that ends an answer with errTooLarge once it is larger
// than any real answer to that request.
type limited struct{ base http.RoundTripper }

func (l limited) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.base.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	bound := &boundedBody{ReadCloser: response.Body, max: maxAnswer}
	switch where := request.URL.Path; {
	case response.StatusCode >= http.StatusBadRequest && path.Base(where) == "start":
		return shorten(response, maxStartRefusal)
	case response.StatusCode >= http.StatusBadRequest:
		return shorten(response, maxRefusal)
	case path.Base(where) == "events":
		response.Body = &lines{ReadCloser: response.Body, from: bufio.NewReaderSize(response.Body, maxEvent)}
		return response, nil
	case strings.HasSuffix(where, "/images/get"):
		return response, nil // the caller of SaveImages sets the limit
	case strings.HasSuffix(where, "/containers/json"):
		bound.max = maxRunning
	case path.Base(where) == "archive", path.Base(where) == "changes":
		bound.max = maxTrial
	case strings.HasSuffix(where, "/images/json"), strings.HasSuffix(where, "/system/df"), strings.HasSuffix(where, "/volumes"):
		bound.max = maxList
	}
	response.Body = bound
	return response, nil
}

// shorten keeps the beginning of a message that is too long.
func shorten(response *http.Response, max int) (*http.Response, error) {
	message, err := io.ReadAll(io.LimitReader(response.Body, int64(max)+1))
	if err != nil {
		response.Body.Close()
		return nil, err
	}
	if len(message) > max {
		// Cut JSON does not parse, but is still readable as text.
		response.Header.Del("Content-Type")
		message = message[:max]
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(message), response.Body}
	return response, nil
}

// boundedBody counts all bytes.
type boundedBody struct {
	io.ReadCloser
	max  int
	seen int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.max+1)])
	if b.seen += n; b.seen > b.max {
		return 0, errTooLarge
	}
	return n, err
}
