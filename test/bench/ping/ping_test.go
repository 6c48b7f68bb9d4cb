package ping

import (
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const every = 2 * time.Millisecond

// fakeDockerd answers pings at a socket.
func fakeDockerd(t *testing.T, socket string, h http.HandlerFunc) {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
}

func at(t *testing.T) string { return filepath.Join(t.TempDir(), "docker.sock") }

func TestASlowAnswerDelaysNoOtherPing(t *testing.T) {
	socket := at(t)
	var asked atomic.Int32
	open := make(chan struct{})
	fakeDockerd(t, socket, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/_ping" {
			t.Errorf("got %s, want /_ping", r.URL.Path)
		}
		// Answer no ping before the fifth has arrived.
		if asked.Add(1) == 5 {
			close(open)
		}
		<-open
	})
	end := Watch(socket, every)()
	<-open
	got := end()
	if got.Asked < 5 || got.Failed != 0 {
		t.Errorf("got %+v, want at least 5 asked and none failed", got)
	}
	// The first was due four pings before the fifth.
	if got.Longest < 4*every {
		t.Errorf("got a longest answer of %s, want the wait counted: %s at least", got.Longest, 4*every)
	}
}

func TestAPingWhoseConnectionIsLostIsCountedAndSentAgain(t *testing.T) {
	socket := at(t)
	var asked atomic.Int32
	answered := make(chan struct{})
	fakeDockerd(t, socket, func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1, 2:
			panic(http.ErrAbortHandler)
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 10:
			close(answered)
		}
	})
	end := Watch(socket, every)()
	<-answered
	got := end()
	if got.Failed != 3 || got.Asked+got.Failed != int(asked.Load()) {
		t.Errorf("got %+v of %d requests, want 3 failed and the others answered", got, asked.Load())
	}
	if got.Why == "" {
		t.Error("got no reason, want one")
	}
}

func TestASocketThatIsNotThereYetIsWaitedFor(t *testing.T) {
	socket := at(t)
	end := Watch(socket, every)()
	answered := make(chan struct{})
	var once atomic.Bool
	fakeDockerd(t, socket, func(http.ResponseWriter, *http.Request) {
		if once.CompareAndSwap(false, true) {
			close(answered)
		}
	})
	<-answered
	if got := end(); got.Asked == 0 || got.Failed > 0 && !strings.Contains(got.Why, "docker.sock") {
		t.Errorf("got %+v, want answers", got)
	}
}

func TestEveryPingIsAnsweredBeforeTheEnd(t *testing.T) {
	socket := at(t)
	var asked, answered atomic.Int32
	three, open := make(chan struct{}), make(chan struct{})
	fakeDockerd(t, socket, func(http.ResponseWriter, *http.Request) {
		if asked.Add(1) == 3 {
			close(three)
		}
		<-open
		answered.Add(1)
	})
	end := Watch(socket, every)()
	<-three
	done := make(chan int)
	go func() { done <- end().Asked }()
	close(open)
	if got := <-done; got != int(answered.Load()) || got < 3 {
		t.Errorf("got %d answers, want %d", got, answered.Load())
	}
}
