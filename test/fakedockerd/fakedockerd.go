// Package fakedockerd answers on a unix socket like dockerd, for tests of cases that
// a real dockerd cannot produce on demand. A Dockerd refuses API versions like a
// real one, and sends the answers that the test sets. A Host also reads settings
// from daemon.json and lists containers. A Trial also stores one image and one
// container; a function of the test stands for its process. It never runs a program.
package fakedockerd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
)

// Dockerd is a dockerd with one range of API versions. It answers from its
// ServeMux, by paths without a version. A request other than GET and HEAD fails
// the test, unless AllowChanges is set.
type Dockerd struct {
	*http.ServeMux
	Socket       string
	AllowChanges bool

	t        testing.TB
	min, max int // of API 1.x
	asked    atomic.Int32
	pings    atomic.Int32
}

// New starts a Dockerd that ends with the test. 20.10 has API 1.12–1.41, 26.1 has
// 1.24–1.45, 29.1 has 1.44–1.52.
func New(t testing.TB, oldest, newest int) *Dockerd {
	t.Helper()
	// Not t.TempDir: the path of a socket has at most 107 bytes (unix(7)).
	dir, err := os.MkdirTemp("", "fakedockerd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &Dockerd{
		ServeMux: http.NewServeMux(), Socket: filepath.Join(dir, "sock"), t: t, min: oldest, max: newest,
	}
	listener, err := net.Listen("unix", d.Socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("fake dockerd: %v", err)
		}
	})
	return d
}

// Asked counts the requests so far.
func (d *Dockerd) Asked() int { return int(d.asked.Load()) }

// Pings counts the requests for /_ping so far that no handler of the test answered.
func (d *Dockerd) Pings() int { return int(d.pings.Load()) }

var versionedPath = regexp.MustCompile(`^/v1\.(\d+)(/.*)$`)

func (d *Dockerd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.asked.Add(1)
	if !d.AllowChanges && r.Method != http.MethodGet && r.Method != http.MethodHead {
		d.t.Errorf("fake dockerd: got %s %s, want questions only", r.Method, r.URL)
	}
	if _, handler := d.Handler(r); handler != "" { // a test answers this one itself
		d.ServeMux.ServeHTTP(w, r)
		return
	}
	if r.URL.Path == "/_ping" {
		d.pings.Add(1)
		w.Header().Set("Api-Version", fmt.Sprint("1.", d.max))
		w.Header().Set("Ostype", "linux")
		w.Header().Set("Server", "Docker/29 (linux)")
		io.WriteString(w, "OK")
		return
	}
	match := versionedPath.FindStringSubmatch(r.URL.Path)
	if match == nil {
		Refuse(w, http.StatusNotFound, "page not found")
		return
	}
	switch version, _ := strconv.Atoi(match[1]); {
	case version > d.max:
		Refuse(w, http.StatusBadRequest, fmt.Sprintf(
			"client version 1.%d is too new. Maximum supported API version is 1.%d", version, d.max))
		return
	case version < d.min:
		Refuse(w, http.StatusBadRequest, fmt.Sprintf(
			"client version 1.%d is too old. Minimum supported API version is 1.%d", version, d.min))
		return
	}
	r.URL.Path = match[2]
	d.ServeMux.ServeHTTP(w, r)
}

// Refuse answers with an error, in the form that dockerd uses.
func Refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, `{"message":`+strconv.Quote(message)+"}\n")
}

// AnswerText sets the answer to the requests that match a pattern.
func (d *Dockerd) AnswerText(pattern, body string) {
	d.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	})
}

// AnswerJSON sets a function that returns the answer, as JSON, to the requests
// that match a pattern.
func (d *Dockerd) AnswerJSON(pattern string, answer func(*http.Request) any) {
	d.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer(r)); err != nil {
			d.t.Errorf("fake dockerd: %s: %v", r.URL, err)
		}
	})
}
