package download

import (
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// transfer is the download of one file, over several tries if necessary.
type transfer struct {
	*Downloader
	url  *url.URL
	most int64
	out  Sink

	buf  []byte
	sum  hash.Hash // of the bytes held
	held int64     // bytes that out has

	begun     bool   // out.Expect was called
	size      int64  // -1: unknown
	etag      string // strong, or ""
	noRange   bool   // the server cannot resume
	restarted bool   // the file was once started over

	reported   int64     // bytes in the last Progress
	reportedAt time.Time // when that was
}

func newTransfer(d *Downloader, u *url.URL, most int64, out Sink) *transfer {
	return &transfer{Downloader: d, url: u, most: most, out: out, buf: make([]byte, 256<<10), sum: sha512.New(), size: -1}
}

func (t *transfer) digest() Digest { return Digest(t.sum.Sum(nil)) }

func (t *transfer) refuse(format string, args ...any) error {
	return &RefusedError{"fetch", WithoutSecrets(t.url), fmt.Errorf(format, args...)}
}

// try requests the missing part and takes as much of it as arrives. An
// *againError may be tried again.
func (t *transfer) try(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := t.request(ctx)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body := newMeter(resp.Body, t.limits, cancel)
	start, err := t.start(resp)
	if err != nil {
		return err
	}
	if start == 0 && t.held > 0 {
		err = t.skip(body)
	}
	if err == nil {
		err = t.receive(body)
	}
	var broken *readError
	if !errors.As(err, &broken) {
		return err
	}
	// The reason for a cancelled Read is the cause of its context.
	if cause := context.Cause(ctx); cause != nil {
		return &againError{err: cause}
	}
	return &againError{err: fmt.Errorf("after %d bytes: %w", t.held, broken.error)}
}

// start returns where in the file the body of resp begins: at 0, or at the
// first missing byte.
func (t *transfer) start(resp *http.Response) (int64, error) {
	switch {
	case resp.StatusCode == http.StatusOK:
		t.etag = ""
		if tag := resp.Header.Get("ETag"); strings.HasPrefix(tag, `"`) { // not weak: RFC 9110, 13.1.5
			t.etag = tag
		}
		return 0, t.expect(resp.ContentLength)
	case resp.StatusCode == http.StatusPartialContent && resp.Request.Header.Get("Range") != "":
		first, size, ok := parseContentRange(resp.Header.Get("Content-Range"))
		if ok && first == t.held {
			return first, t.expect(size)
		}
		fallthrough
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		t.noRange = true
		return 0, &againError{err: fmt.Errorf("%s: Content-Range %q after %d bytes", resp.Status, resp.Header.Get("Content-Range"), t.held)}
	default:
		return 0, t.status(resp)
	}
}

// expect sets the file's size from the first answer that has it. Later answers
// must agree: otherwise it is another file.
func (t *transfer) expect(size int64) error {
	switch {
	case size > t.most:
		return t.refuse("%d bytes announced, at most %d accepted", size, t.most)
	case t.size >= 0 && size >= 0 && size != t.size:
		return &againError{err: fmt.Errorf("changed from %d to %d bytes while it was fetched", t.size, size), last: true}
	case size >= 0:
		t.size = size
	}
	if t.begun {
		return nil
	}
	t.begun = true
	return t.out.Expect(t.size)
}

// skip reads the bytes already held a second time, and checks that they are the
// same.
func (t *transfer) skip(body io.Reader) error {
	if t.restarted {
		return &againError{err: fmt.Errorf("cut short again at %d bytes, and the server cannot resume", t.held), last: true}
	}
	t.restarted = true
	same := sha512.New()
	if _, err := io.CopyN(same, body, t.held); err != nil {
		return &readError{err}
	}
	if Digest(same.Sum(nil)) != t.digest() {
		return &againError{err: errors.New("changed while it was fetched"), last: true}
	}
	return nil
}

// receive passes on the rest of the file.
func (t *transfer) receive(body io.Reader) error {
	if t.held == 0 {
		start, err := t.peek(body)
		if err != nil {
			return err
		}
		body = io.MultiReader(strings.NewReader(start), body)
	}
	for {
		n, err := body.Read(t.buf)
		if t.held+int64(n) > t.most {
			return t.refuse("more than the %d bytes accepted", t.most)
		}
		if n > 0 {
			if _, err := t.out.Write(t.buf[:n]); err != nil {
				return err
			}
			t.sum.Write(t.buf[:n])
			t.held += int64(n)
			t.reportProgress(false)
		}
		if err == io.EOF && (t.size < 0 || t.held == t.size) {
			t.reportProgress(true)
			return nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return &readError{err}
		}
	}
}

// peek looks at a file's first bytes, so that the error for a web page in place
// of an artifact says so, instead of a wrong digest.
func (t *transfer) peek(body io.Reader) (string, error) {
	n, err := io.ReadFull(body, t.buf[:512])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", &readError{err}
	}
	start := string(t.buf[:n])
	switch kind, _, _ := strings.Cut(http.DetectContentType(t.buf[:n]), ";"); kind {
	case "text/html":
		return "", t.refuse("200 OK, but an HTML page: a captive portal, or a proxy that wants a login")
	case "text/xml":
		return "", t.refuse("200 OK, but an XML document")
	}
	return start, nil
}

// reportEvery is how often a download that moves is reported.
const reportEvery = time.Second

func (t *transfer) reportProgress(end bool) {
	if end && t.size < 0 {
		t.size = t.held
	}
	if end || t.held-t.reported >= minProgress || time.Since(t.reportedAt) >= reportEvery {
		t.report()
	}
}

func (t *transfer) report() {
	if t.progress == nil {
		return
	}
	t.reported, t.reportedAt = t.held, time.Now()
	t.progress(Progress{Stage: StageDownload, File: path.Base(t.url.Path), Done: t.held, Total: t.size})
}

// readError is the error of a read from the body.
type readError struct{ error }
