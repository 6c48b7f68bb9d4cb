package download

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
)

// Answer is the answer to a request that no server was asked for. body has size bytes.
func Answer(r *http.Request, code int, size int64, body io.ReadCloser) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", code, http.StatusText(code)), StatusCode: code,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, ContentLength: size, Body: body, Request: r,
	}
}

// Nothing is the answer for a file that is not there.
func Nothing(r *http.Request, reason string) *http.Response {
	return Answer(r, http.StatusNotFound, int64(len(reason)), io.NopCloser(strings.NewReader(reason)))
}

// files answers for file:// with the files of this host.
type files struct{}

// RoundTrip implements http.RoundTripper.
func (files) RoundTrip(r *http.Request) (*http.Response, error) {
	f, err := durable.OpenRegular(r.URL.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return Nothing(r, "no such file"), nil
	case err != nil:
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return Answer(r, http.StatusOK, info.Size(), f), nil
}
