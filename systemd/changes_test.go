package systemd

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	dockerPath = dbus.ObjectPath("/org/freedesktop/systemd1/unit/docker_2eservice")
	ttyPath    = dbus.ObjectPath("/org/freedesktop/systemd1/unit/getty_40tty1_2eservice")
)

// watchFake watches docker.service and getty@tty1.service, and returns when the
// hint of the first connection was taken.
func watchFake(t *testing.T, ctx context.Context, f *fakeManager) <-chan struct{} {
	t.Helper()
	hints := dialFake(t, f).Changes(ctx, "docker.service", "getty@tty1.service")
	awaitHint(t, hints)
	return hints
}

func awaitHint(t *testing.T, hints <-chan struct{}) {
	t.Helper()
	select {
	case _, open := <-hints:
		if !open {
			t.Fatal("the hints have ended, want another one")
		}
	case <-time.After(hung):
		t.Fatal("no hint came")
	}
}

func awaitEnd(t *testing.T, hints <-chan struct{}) {
	t.Helper()
	after := time.After(hung)
	for {
		select {
		case _, open := <-hints:
			if !open {
				return
			}
		case <-after:
			t.Fatal("the hints have not ended")
		}
	}
}

// heard returns how many hints wait after all signals were received. To know
// that, it asks the fake for a unit, which gives no hint as long as the unit is
// not loaded.
func heard(t *testing.T, f *fakeManager, hints <-chan struct{}) int {
	t.Helper()
	for len(f.calls) > 0 {
		<-f.calls
	}
	f.signal(":1.0", managerPath, managerInterface, "UnitNew", "getty@tty1.service", ttyPath)
	await(t, f, "GetUnit getty@tty1.service")
	return len(hints)
}

func changed(of string) []any {
	return []any{of, map[string]dbus.Variant{"ActiveState": dbus.MakeVariant("active")}, []string{}}
}

func TestWhichSignalsAreHints(t *testing.T) {
	tests := []struct {
		situation    string
		sender       string
		path         dbus.ObjectPath
		from, member string
		body         []any
		want         int
	}{
		{"the unit's state", ":1.0", dockerPath, propertiesOf, "PropertiesChanged", changed(unitInterface), 1},
		{"the other unit's state", ":1.0", ttyPath, propertiesOf, "PropertiesChanged", changed(unitInterface), 1},
		{"the same, signalled for the service", ":1.0", dockerPath, propertiesOf, "PropertiesChanged", changed("org.freedesktop.systemd1.Service"), 0},
		{"a foreign unit's state", ":1.0", dockerPath + "2", propertiesOf, "PropertiesChanged", changed(unitInterface), 0},
		{"a state without a body", ":1.0", dockerPath, propertiesOf, "PropertiesChanged", nil, 0},
		{"a reload begins", ":1.0", managerPath, managerInterface, "Reloading", []any{true}, 0},
		{"a reload has ended", ":1.0", managerPath, managerInterface, "Reloading", []any{false}, 1},
		{"a reload with a malformed body", ":1.0", managerPath, managerInterface, "Reloading", []any{"false"}, 0},
		{"unit files", ":1.0", managerPath, managerInterface, "UnitFilesChanged", nil, 1},
		{"a foreign unit is loaded", ":1.0", managerPath, managerInterface, "UnitNew", []any{"ssh.service", dockerPath + "2"}, 0},
		{"an unnamed unit is loaded", ":1.0", managerPath, managerInterface, "UnitNew", nil, 0},
		{"a job", ":1.0", managerPath, managerInterface, "JobRemoved", []any{uint32(7), fakeJobPath, "docker.service", "done"}, 0},
		{"another program claims that the manager has changed", ":1.66", "/org/freedesktop/DBus", busName, "NameOwnerChanged", []any{managerName, ":1.0", ""}, 0},
	}
	for _, name := range []string{"systemd/private", "bus"} {
		f := newFakeManager(t, name)
		var subscribed atomic.Int32
		f.on("Subscribe", func(f *fakeManager, p *fakePeer, m *dbus.Message) {
			subscribed.Add(1)
			f.reply(p, m)
		})
		hints := watchFake(t, t.Context(), f)
		for _, tt := range tests {
			f.signal(tt.sender, tt.path, tt.from, tt.member, tt.body...)
			f.signal(tt.sender, tt.path, tt.from, tt.member, tt.body...)
			got := heard(t, f, hints)
			if got != tt.want {
				t.Errorf("%s, %s, said twice: got %d hints, want %d", name, tt.situation, got, tt.want)
			}
			for range got {
				<-hints
			}
		}
		if got := subscribed.Load(); got != 1 {
			t.Errorf("%s: got %d subscriptions, want that the first connection was kept", name, got)
		}
	}
}

// The second half would never end if such signals were hints.
func TestAskingGivesNoHint(t *testing.T) {
	f := newFakeManager(t, "systemd/private")
	hints := watchFake(t, t.Context(), f)
	loaded := func() { f.signal(":1.0", managerPath, managerInterface, "UnitNew", "docker.service", dockerPath) }
	unloaded := func() {
		f.signal(":1.0", managerPath, managerInterface, "UnitRemoved", "docker.service", dockerPath)
	}
	f.on("GetUnit", isLoaded)
	loaded()
	awaitHint(t, hints)
	f.on("GetUnit", isNotLoaded)
	unloaded()
	awaitHint(t, hints)

	loaded()
	unloaded()
	await(t, f, "GetUnit docker.service")
	await(t, f, "GetUnit docker.service")
	for range 20 { // as answers and signals are heard in no order
		if got := heard(t, f, hints); got != 0 {
			t.Fatalf("loaded to be asked for: got %d hints, want none", got)
		}
	}
}

func TestChangesSubscribesOnABusOnly(t *testing.T) {
	const from = "AddMatch type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop."
	always := []string{"GetUnit docker.service", "Subscribe"}
	for name, want := range map[string][]string{
		"systemd/private": append([]string{"Ping " + strings.Repeat(" ", 256)}, always...),
		"bus": append([]string{
			from + "DBus.Properties',member='PropertiesChanged',path='/org/freedesktop/systemd1/unit/docker_2eservice'",
			from + "systemd1.Manager',arg1path='/org/freedesktop/systemd1/unit/docker_2eservice'",
			from + "systemd1.Manager',member='Reloading'",
			from + "systemd1.Manager',member='UnitFilesChanged'",
			"AddMatch type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.systemd1'",
			"Hello",
		}, always...),
	} {
		f := newFakeManager(t, name)
		c := &Conn{addresses: []string{f.address()}, patience: time.Hour}
		awaitHint(t, c.Changes(t.Context(), "docker.service"))
		var got []string
		for len(f.calls) > 0 {
			got = append(got, <-f.calls)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}

func TestFault_E07_ChangesGoOnAfterTheBusWasLost(t *testing.T) {
	for _, name := range []string{"systemd/private", "bus"} {
		t.Run(name, func(t *testing.T) {
			f := newFakeManager(t, name)
			hints := watchFake(t, t.Context(), f)
			for range 2 {
				f.hangUp()
				f.listen()
				awaitHint(t, hints)
				if got := heard(t, f, hints); got != 0 {
					t.Errorf("connected again: got %d more hints, want one for the connection", got)
				}
				f.signal(":1.0", dockerPath, propertiesOf, "PropertiesChanged", changed(unitInterface)...)
				awaitHint(t, hints)
			}
		})
	}
}

func TestFault_E07_ChangesGoOnWithTheNextManager(t *testing.T) {
	f := newFakeManager(t, "bus")
	hints := watchFake(t, t.Context(), f)
	before := runtime.NumGoroutine()
	f.signal(busName, "/org/freedesktop/DBus", busName, "NameOwnerChanged", managerName, ":1.0", "")
	awaitHint(t, hints)
	subscribed := 0
	for len(f.calls) > 0 {
		if <-f.calls == "Subscribe" {
			subscribed++
		}
	}
	if subscribed != 2 {
		t.Errorf("got %d subscriptions, want a second one, with the manager that came after", subscribed)
	}
	awaitGoroutines(t, before)
}

func TestChangesTriesTheNextAddressWhenOneIsSilent(t *testing.T) {
	silent := newFakeManager(t, "systemd/private")
	silent.on("Subscribe", unanswered)
	answers := newFakeManager(t, "bus")
	c := &Conn{addresses: []string{silent.address(), answers.address()}, patience: time.Second}
	awaitHint(t, c.Changes(t.Context(), "docker.service"))
}

func TestChangesEndWithTheirContext(t *testing.T) {
	tests := map[string]struct {
		address string // after the fake's
		silent  string // what the fake does not answer
		until   func(t *testing.T, f *fakeManager, hints <-chan struct{})
	}{
		"while it listens": {
			until: func(t *testing.T, f *fakeManager, hints <-chan struct{}) { awaitHint(t, hints) },
		},
		"while a hint waits": {
			until: func(t *testing.T, f *fakeManager, hints <-chan struct{}) {
				awaitHint(t, hints)
				f.signal(":1.0", dockerPath, propertiesOf, "PropertiesChanged", changed(unitInterface)...)
				if got := heard(t, f, hints); got != 1 {
					t.Errorf("got %d hints, want 1", got)
				}
			},
		},
		"while the bus is silent": {
			silent: "Hello",
			until:  func(t *testing.T, f *fakeManager, hints <-chan struct{}) { await(t, f, "Hello") },
		},
		"while the manager is silent": {
			silent: "Subscribe",
			until:  func(t *testing.T, f *fakeManager, hints <-chan struct{}) { await(t, f, "Subscribe") },
		},
		"while an answer is awaited": {
			until: func(t *testing.T, f *fakeManager, hints <-chan struct{}) {
				awaitHint(t, hints)
				f.on("GetUnit", unanswered)
				heard(t, f, hints)
			},
		},
		"while nothing listens": {
			address: ".gone",
			until:   func(*testing.T, *fakeManager, <-chan struct{}) {},
		},
	}
	for situation, tt := range tests {
		t.Run(situation, func(t *testing.T) {
			f := newFakeManager(t, "bus")
			before := runtime.NumGoroutine()
			if tt.silent != "" {
				f.on(tt.silent, unanswered)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c := &Conn{addresses: []string{f.address() + tt.address}, patience: time.Hour}
			hints := c.Changes(ctx, "docker.service", "getty@tty1.service")
			tt.until(t, f, hints)
			cancel()
			awaitEnd(t, hints)
			awaitGoroutines(t, before)
		})
	}
}
