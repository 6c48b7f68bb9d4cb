package systemd

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

var migration = Transient{Name: "migration.service", Description: "a migration", Argv: []string{"/bin/true"}, Timeout: time.Minute}

func TestRunTransientIsStoppedWhenItsContextEnds(t *testing.T) {
	refuse := func(f *fakeManager, p *fakePeer, m *dbus.Message) {
		f.fail(p, m, "org.freedesktop.DBus.Error.AccessDenied", "not you")
	}
	for situation, tt := range map[string]struct {
		stop func(*fakeManager, *fakePeer, *dbus.Message)
		want string
	}{
		"it is stopped":        {endJob("done"), "run migration.service: context canceled"},
		"it ended before":      {isNotLoaded, "run migration.service: context canceled"},
		"the stop is refused":  {refuse, "run migration.service: context canceled (and stop migration.service: not you)"},
		"the stop is canceled": {endJob("canceled"), `run migration.service: context canceled (and stop migration.service: systemd's job ended with "canceled")`},
	} {
		t.Run(situation, func(t *testing.T) {
			f := newFakeManager(t, "bus")
			c := dialFake(t, f)
			c.lookEvery = time.Hour
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			// ctx ends before the answer, which is still awaited.
			f.on("StartTransientUnit", func(f *fakeManager, p *fakePeer, m *dbus.Message) {
				cancel()
				takeJob(f, p, m)
			})
			f.on("StopUnit", tt.stop)
			err := c.RunTransient(ctx, migration)
			if !errors.Is(err, context.Canceled) || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			await(t, f, "StopUnit migration.service replace")
		})
	}
}

func TestRunTransientStopsNothingThatItDidNotStart(t *testing.T) {
	exists := func(f *fakeManager, p *fakePeer, m *dbus.Message) {
		f.fail(p, m, "org.freedesktop.systemd1.UnitExists", "Unit migration.service was already loaded.")
	}
	for situation, tt := range map[string]struct {
		start     func(*fakeManager, *fakePeer, *dbus.Message)
		transient Transient
		ends      string // when ctx does: before, meanwhile, or never
		want      string
		asked     bool
	}{
		"another program's unit":                  {exists, migration, "never", "was already loaded", true},
		"another program's unit, and ctx ends":    {exists, migration, "meanwhile", "context canceled", true},
		"ctx has ended":                           {takeJob, migration, "before", "context canceled", false},
		"the process fails":                       {endJob("failed"), migration, "never", `run migration.service: systemd's job ended with "failed"`, true},
		"the process is done":                     {endJob("done"), migration, "never", "", true},
		"nothing to run":                          {endJob("done"), Transient{Name: "migration.service", Timeout: time.Minute}, "never", "no command", false},
		"a process that nothing would ever limit": {endJob("done"), Transient{Name: "migration.service", Argv: []string{"/bin/true"}}, "never", "no timeout", false},
	} {
		t.Run(situation, func(t *testing.T) {
			f := newFakeManager(t, "bus")
			c := dialFake(t, f)
			c.lookEvery = time.Hour
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f.on("StartTransientUnit", func(f *fakeManager, p *fakePeer, m *dbus.Message) {
				if tt.ends == "meanwhile" {
					cancel()
				}
				tt.start(f, p, m)
			})
			if tt.ends == "before" {
				cancel()
			}
			err := c.RunTransient(ctx, tt.transient)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			asked := false
			for len(f.calls) > 0 {
				call := <-f.calls
				asked = asked || strings.HasPrefix(call, "StartTransientUnit migration.service fail")
				if strings.HasPrefix(call, "StopUnit") {
					t.Errorf("got %q, want that nothing is stopped", call)
				}
			}
			if asked != tt.asked {
				t.Errorf("got asked %t, want %t", asked, tt.asked)
			}
		})
	}
}

func TestTransientArgumentsAreNotExpanded(t *testing.T) {
	f := newFakeManager(t, "bus")
	c := dialFake(t, f)
	properties := make(chan [][]any, 1)
	f.on("StartTransientUnit", func(f *fakeManager, p *fakePeer, m *dbus.Message) {
		properties <- m.Body[2].([][]any)
		endJob("done")(f, p, m)
	})
	run := migration
	run.Argv = []string{"/opt/a$b", "${HOME}", "$$"}
	if err := c.RunTransient(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, one := range <-properties {
		got[one[0].(string)] = one[1].(dbus.Variant).String()
	}
	want := map[string]string{
		"Description":      `"a migration"`,
		"Type":             `"oneshot"`,
		"ExecStart":        `[["/opt/a$b", ["/opt/a$$b", "$${HOME}", "$$$$"], false]]`,
		"TimeoutStartUSec": `@t 60000000`,
		"CollectMode":      `"inactive-or-failed"`,
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: got %s, want %s", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
