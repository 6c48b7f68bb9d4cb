package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/moby/moby/client"
)

// A fakeDockerd answers on a unix socket like a dockerd of one API version,
// from the files of a directory, and refuses the API versions that the real one
// refuses.
type fakeDockerd struct {
	*http.ServeMux
	t      *testing.T
	socket string
	min    int // of API 1.x
	max    int
	pings  atomic.Int32
	acts   bool // it takes requests that change something
}

// 20.10 has API 1.12–1.41, 29.1 has 1.44–1.52.
func newFakeDockerd(t *testing.T, min, max int) *fakeDockerd {
	t.Helper()
	f := &fakeDockerd{ServeMux: http.NewServeMux(), t: t, socket: filepath.Join(t.TempDir(), "docker.sock"), min: min, max: max}
	listener, err := net.Listen("unix", f.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: f}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("fake dockerd: %v", err)
		}
	})
	return f
}

var versionedPath = regexp.MustCompile(`^/v1\.(\d+)(/.*)$`)

func (f *fakeDockerd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !f.acts && r.Method != http.MethodGet && r.Method != http.MethodHead {
		f.t.Errorf("fake dockerd: got %s %s, want questions only", r.Method, r.URL)
	}
	if _, handler := f.Handler(r); handler != "" { // a test answers this one itself
		f.ServeMux.ServeHTTP(w, r)
		return
	}
	if r.URL.Path == "/_ping" {
		f.pings.Add(1)
		w.Header().Set("Api-Version", "1."+strconv.Itoa(f.max))
		w.Header().Set("Ostype", "linux")
		w.Header().Set("Server", "Docker/29 (linux)")
		io.WriteString(w, "OK")
		return
	}
	match := versionedPath.FindStringSubmatch(r.URL.Path)
	if match == nil {
		refuse(w, http.StatusNotFound, "page not found")
		return
	}
	switch minor, _ := strconv.Atoi(match[1]); {
	case minor > f.max:
		refuse(w, http.StatusBadRequest, "client version 1."+match[1]+" is too new. Maximum supported API version is 1."+strconv.Itoa(f.max))
		return
	case minor < f.min:
		refuse(w, http.StatusBadRequest, "client version 1."+match[1]+" is too old. Minimum supported API version is 1."+strconv.Itoa(f.min))
		return
	}
	r.URL.Path = match[2]
	f.ServeMux.ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, `{"message":`+strconv.Quote(message)+"}\n")
}

// recorded answers from a file in testdata, with some text in it replaced.
func (f *fakeDockerd) recorded(pattern, file string, replace ...string) {
	content, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		f.t.Fatal(err)
	}
	f.says(pattern, strings.NewReplacer(replace...).Replace(string(content)))
}

func (f *fakeDockerd) says(pattern, body string) {
	f.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	})
}

// open opens a client of the fake.
func (f *fakeDockerd) open() *Client {
	f.t.Helper()
	c, err := Open(f.socket)
	if err != nil {
		f.t.Fatalf("Open: %v", err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

// ping makes one request that has no effect.
func ping(ctx context.Context, c *Client) error {
	_, err := c.moby.Ping(ctx, client.PingOptions{})
	return err
}
