package release_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/releases"
)

// bubble runs test where time is fake: it passes only while all wait for it, and
// all at once. The rig asks h there, without a network, which would be no wait
// for time.
func (r *rig) bubble(t *testing.T, h http.Handler, test func(t *testing.T)) {
	t.Helper()
	r.source.HTTP = &http.Client{Transport: handled{Handler: r.recording(h)}}
	synctest.Test(t, test)
}

// bubbled is the release on the server of a bubble.
func bubbled(fault string) release.Spec {
	return release.Spec{URL: releases.URL("https://releases.test", fault), Channel: "release", Version: wanted, Arch: release.Arch(), Trust: release.TrustChecksum}
}

// handled answers requests by a handler.
type handled struct{ http.Handler }

func (h handled) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	body, writer := io.Pipe()
	a := &answer{header: http.Header{}, body: writer, begun: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { writer.CloseWithError(context.Cause(ctx)) })
	go func() {
		defer stop()
		h.ServeHTTP(a, req)
		a.WriteHeader(http.StatusOK)
		// A handler that saw the request cancelled may be here before AfterFunc: that is not the end of the file.
		writer.CloseWithError(context.Cause(ctx))
	}()
	select {
	case <-a.begun:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	length, err := strconv.ParseInt(a.header.Get("Content-Length"), 10, 64)
	if err != nil {
		length = -1
	}
	return &http.Response{
		Status: fmt.Sprint(a.status, " ", http.StatusText(a.status)), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: body, ContentLength: length, Request: req,
	}, nil
}

// answer is the http.ResponseWriter of handled.
type answer struct {
	header http.Header
	body   *io.PipeWriter
	begin  sync.Once
	begun  chan struct{}
	status int
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	a.begin.Do(func() {
		a.status = status
		close(a.begun)
	})
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

func (a *answer) Flush() { a.WriteHeader(http.StatusOK) }
