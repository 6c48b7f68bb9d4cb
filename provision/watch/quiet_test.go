package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/test/need"
)

// A script replaces waiting: at each pause it does its next act. It records the
// pauses.
type script struct {
	acts   []func()
	pauses []time.Duration
}

func (s *script) pause(_ context.Context, d time.Duration) error {
	s.pauses = append(s.pauses, d)
	if len(s.acts) > 0 {
		s.acts[0]()
		s.acts = s.acts[1:]
	}
	return nil
}

// expect fails the test unless there were exactly these pauses.
func (s *script) expect(t *testing.T, want ...time.Duration) {
	t.Helper()
	if !slices.Equal(s.pauses, want) {
		t.Errorf("pauses: got %v, want %v", s.pauses, want)
	}
}

func newFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "daemon.json")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func openWriter(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestAWriterIsWaitedFor(t *testing.T) {
	path := newFile(t, "")
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(path, link))
	for _, name := range []string{path, link} {
		must(t, os.Truncate(path, 0))
		f := openWriter(t, path)
		write := func(text string) func() {
			return func() {
				_, err := f.WriteString(text)
				must(t, err)
			}
		}
		s := &script{acts: []func(){write(`{"a":`), write(` 1}`), func() { must(t, f.Close()) }}}
		must(t, settled(context.Background(), name, s.pause))
		s.expect(t, time.Millisecond, 2*time.Millisecond, 4*time.Millisecond)
		if got, err := os.ReadFile(path); string(got) != `{"a": 1}` {
			t.Errorf("%s: got %q, %v, want all of it", name, got, err)
		}
	}
}

func TestTheWaitForAWriterEnds(t *testing.T) {
	path := newFile(t, "")
	openWriter(t, path)
	s := &script{}
	if err := settled(context.Background(), path, s.pause); !errors.Is(err, ErrWriting) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want ErrWriting with the path", err)
	}
	all := time.Duration(0)
	for _, d := range s.pauses {
		all += d
	}
	if all < settleWithin || all > settleWithin+longestPause || slices.Max(s.pauses) != longestPause {
		t.Errorf("pauses: got %v, want %v in all, of %v at most", s.pauses, settleWithin, longestPause)
	}
}

func TestASharedMappingIsAWriter(t *testing.T) {
	path := newFile(t, "text")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	mapped, err := unix.Mmap(int(f.Fd()), 0, 4, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(t, errors.Join(err, f.Close()))
	s := &script{acts: []func(){func() { must(t, unix.Munmap(mapped)) }}}
	must(t, settled(context.Background(), path, s.pause))
	s.expect(t, time.Millisecond)
}

func TestASettledFileIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(at("file"), nil, 0o400))
	must(t, os.Mkdir(at("directory"), 0o700))
	must(t, unix.Mkfifo(at("fifo"), 0o600))
	must(t, os.Symlink("missing", at("dangling")))
	must(t, os.WriteFile(at("renamed over"), []byte("old"), 0o600))
	openWriter(t, at("renamed over"))
	must(t, os.WriteFile(at("new"), []byte("new"), 0o600))
	must(t, os.Rename(at("new"), at("renamed over")))
	read, err := os.Open(at("file"))
	must(t, err)
	defer read.Close()
	for _, name := range []string{"file", "directory", "fifo", "dangling", "missing", "file/below", "renamed over"} {
		s := &script{}
		open := len(descriptors(t, at(name)))
		if err := settled(context.Background(), at(name), s.pause); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.expect(t)
		if got := len(descriptors(t, at(name))); got != open {
			t.Errorf("%s: got %d descriptors of it, want %d", name, got, open)
		}
	}
}

func TestAnOpenerForWritingIsLetThrough(t *testing.T) {
	path := newFile(t, "")
	var leases atomic.Int64
	ctx, stop := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	asking.Go(func() {
		for ctx.Err() == nil {
			if writersOf(path) == writersNone {
				leases.Add(1)
			}
		}
	})
	// Some of these break a lease, and this process gets SIGIO.
	await(t, "1000 leases", func() bool {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		must(t, err)
		must(t, f.Close())
		return leases.Load() >= 1000
	})
	stop()
	asking.Wait()
	if got := writersOf(path); got != writersNone {
		t.Errorf("afterwards: got %v, want %v", got, writersNone)
	}
}

func TestWithoutLeasesAFileIsLeftUntilItIsStill(t *testing.T) {
	need.Root(t)
	path := newFile(t, "")
	must(t, os.Chown(path, 12345, -1))
	openWriter(t, path) // is not seen
	s := &script{}
	done := make(chan error)
	go func() {
		// From now on the thread has no CAP_LEASE. It ends with the goroutine.
		runtime.LockOSThread()
		if err := dropCapability(unix.CAP_LEASE); err != nil {
			done <- err
			return
		}
		if got := writersOf(path); got != writersUnknown {
			t.Errorf("writers: got %v, want %v", got, writersUnknown)
		}
		done <- settled(context.Background(), path, s.pause)
	}()
	must(t, <-done)
	s.expect(t, slices.Repeat([]time.Duration{stillEvery}, 5)...)
}

func dropCapability(which uint) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[which/32].Effective &^= 1 << (which % 32)
	return unix.Capset(&header, &data[0])
}

func TestAFileThatChangesIsNotStill(t *testing.T) {
	path := newFile(t, "")
	f := openWriter(t, path)
	grow := func() {
		_, err := f.WriteString("x")
		must(t, err)
	}
	nothing := func() {}
	s := &script{acts: []func(){grow, nothing, nothing, nothing, grow}}
	must(t, unchanged(context.Background(), path, settleWithin, s.pause))
	if got, want := len(s.pauses), 5+5; got != want {
		t.Errorf("looks after the first: got %d, want %d", got, want)
	}

	s = &script{acts: slices.Repeat([]func(){grow}, 1000)}
	must(t, unchanged(context.Background(), path, settleWithin, s.pause))
	if got, want := len(s.pauses), int(settleWithin/stillEvery); got != want {
		t.Errorf("looks at a file that never rests: got %d, want %d", got, want)
	}

	s = &script{acts: []func(){func() { must(t, os.Remove(path)) }}}
	must(t, unchanged(context.Background(), path, settleWithin, s.pause))
	s.expect(t, stillEvery)
}

func TestSettledEndsWithItsContext(t *testing.T) {
	path := newFile(t, "")
	openWriter(t, path)
	cause := errors.New("no more")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	if err := Settled(ctx, path); !errors.Is(err, cause) {
		t.Errorf("with a writer: got %v, want %v", err, cause)
	}
	if err := unchanged(ctx, path, settleWithin, pause); !errors.Is(err, cause) {
		t.Errorf("without leases: got %v, want %v", err, cause)
	}
}
