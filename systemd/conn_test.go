package systemd

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// hung is how long nothing has happened when a test has failed.
const hung = time.Minute

func dialFake(t *testing.T, f *fakeManager) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), f.address())
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

func await(t *testing.T, f *fakeManager, call string) {
	t.Helper()
	for {
		select {
		case got := <-f.calls:
			if got == call {
				return
			}
		case <-time.After(hung):
			t.Fatalf("the fake manager was never called with %q", call)
		}
	}
}

func TestDialNeedsNoDeadlineToLiveOn(t *testing.T) {
	f := newFakeManager(t, "systemd/private")
	f.on("ReloadUnit", endJob("done"))
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Dial(ctx, f.address())
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	defer c.Close()
	cancel()
	if err := c.Reload(t.Context(), "docker.service"); err != nil {
		t.Errorf("Reload after the dialling context ended: got %v, want nil", err)
	}
	calls := map[string]int{}
	for len(f.calls) > 0 {
		calls[<-f.calls]++
	}
	matches := 0
	for call, n := range calls {
		if strings.HasPrefix(call, "AddMatch ") {
			matches += n
		}
	}
	if matches != 1 || calls["Hello"] != 0 {
		t.Errorf("got calls %v, want one connection, not greeted as a bus is", calls)
	}
}

func TestDialGivesUp(t *testing.T) {
	silent := newFakeManager(t, "bus")
	silent.on("Hello", unanswered)
	gone := newFakeManager(t, "bus")
	gone.hangUp()

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for call := range silent.calls {
			if call == "Hello" {
				cancel()
				return
			}
		}
	}()
	if _, err := Dial(ctx, silent.address()); !errors.Is(err, context.Canceled) {
		t.Errorf("silent bus: got %v, want %v", err, context.Canceled)
	}
	if _, err := Dial(t.Context(), gone.address()); err == nil {
		t.Errorf("no bus: got nil, want an error")
	}
}

func TestDefaultAddressIsThePrivateSocketOnlyForRoot(t *testing.T) {
	for euid, want := range map[int][]string{
		0:    {privateAddress, busAddress},
		1000: {busAddress},
	} {
		if got := defaultAddresses(euid); !reflect.DeepEqual(got, want) {
			t.Errorf("uid %d: got %q, want %q", euid, got, want)
		}
	}
}

func TestFault_E07_BusGoesAwayInTheMiddleAndComesBack(t *testing.T) {
	for _, name := range []string{"systemd/private", "bus"} {
		t.Run(name, func(t *testing.T) {
			f := newFakeManager(t, name)
			c := dialFake(t, f)
			c.lookEvery = time.Hour // the loss itself is seen
			f.on("RestartUnit", takeJob)
			go func() {
				await(t, f, "RestartUnit docker.service fail")
				f.hangUp()
			}()
			if err := c.Restart(t.Context(), "docker.service"); !errors.Is(err, ErrLost) {
				t.Fatalf("bus lost during a job: got %v, want %v", err, ErrLost)
			}
			if err := c.Restart(t.Context(), "docker.service"); err == nil || errors.Is(err, ErrLost) {
				t.Fatalf("bus not there: got %v, want an error that says that nothing was asked", err)
			}
			f.listen()
			f.on("RestartUnit", endJob("done"))
			if err := c.Restart(t.Context(), "docker.service"); err != nil {
				t.Fatalf("bus is back: got %v, want nil", err)
			}
		})
	}
}

func TestFault_E07_ManagerGoesAwayBehindTheBus(t *testing.T) {
	f := newFakeManager(t, "bus")
	c := dialFake(t, f)
	f.on("ReloadUnit", func(f *fakeManager, p *fakePeer, m *dbus.Message) {
		f.fail(p, m, "org.freedesktop.DBus.Error.NoReply", "Message recipient disconnected from message bus without replying")
	})
	if err := c.Reload(t.Context(), "docker.service"); !errors.Is(err, ErrLost) {
		t.Errorf("got %v, want %v", err, ErrLost)
	}
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	f := newFakeManager(t, "bus")
	f.on("ReloadUnit", endJob("done"))
	f.on("RestartUnit", takeJob)
	before := runtime.NumGoroutine()
	for range 5 {
		c, err := Dial(t.Context(), f.address())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Reload(t.Context(), "docker.service"); err != nil {
			t.Fatal(err)
		}
		go func() {
			await(t, f, "RestartUnit docker.service fail")
			c.Close()
		}()
		if err := c.Restart(t.Context(), "docker.service"); !errors.Is(err, ErrLost) {
			t.Errorf("closed during a job: got %v, want %v", err, ErrLost)
		}
		if err := c.Reload(t.Context(), "docker.service"); !errors.Is(err, errClosed) {
			t.Errorf("after Close: got %v, want %v", err, errClosed)
		}
	}
	f.hangUp()
	awaitGoroutines(t, before)
}

// awaitGoroutines waits until no more goroutines run than before.
func awaitGoroutines(t *testing.T, before int) {
	t.Helper()
	deadline := time.Now().Add(hung)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("got %d goroutines, want %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}
