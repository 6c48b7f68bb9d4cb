package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fullPipe is a pipe with no room left, and how many bytes fill it.
func fullPipe(t *testing.T) (r, w *os.File, size int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	size, err := unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, 4096)
	r, w = os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
	if err == nil {
		_, err = w.Write(make([]byte, size))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w, size
}

func TestFault_X14_ABlockedReaderGetsAllOnceItReads(t *testing.T) {
	r, w, size := fullPipe(t)
	o := &output{w: w, stall: time.Millisecond}
	o.goOn()
	want := ""
	for _, word := range strings.Fields("a run goes on while nothing reads its output") {
		if n, err := o.Write([]byte(word)); n != len(word) || err != nil {
			t.Fatalf("got %d, %v, want %d", n, err, len(word))
		}
		want += word
	}
	got := make([]byte, size+len(want))
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	if err := o.end(t.Context()); err != nil || string(got[size:]) != want {
		t.Errorf("got %q, %v, want %q", got[size:], err, want)
	}
	if _, err := o.Write([]byte("more")); err != nil || o.end(t.Context()) != nil {
		t.Errorf("later: got %v", err)
	}
}

func TestFault_X14_ABlockedOutputDropsProgressAndKeepsTheResult(t *testing.T) {
	r, w, size := fullPipe(t)
	o := &output{w: w, stall: time.Millisecond}
	o.goOn()
	line := bytes.Repeat([]byte("p"), 1<<16)
	for range 4 * maxSpooled / len(line) {
		if _, err := o.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if o.queued > maxSpooled+len(line) {
		t.Errorf("got %d bytes queued, want at most %d", o.queued, maxSpooled)
	}
	o.keepAll()
	if _, err := o.Write([]byte("result")); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.end(ended); !errors.Is(err, errBlocked) {
		t.Errorf("got %v, want %v", err, errBlocked)
	}
	text := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(r)
		text <- all
	}()
	if err := o.end(t.Context()); err != nil {
		t.Errorf("read at last: got %v", err)
	}
	w.Close()
	all := <-text
	if got := string(all[size:]); !strings.HasSuffix(got, "presult") || len(got) > maxSpooled+len(line)+len("result") {
		t.Errorf("got %d bytes that end in %q, want the result last", len(got), got[max(0, len(got)-10):])
	}
}
