package transaction

import (
	"os"
	"testing"
	"time"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/test/seen"
)

func TestWhatDockerdStartedFrom(t *testing.T) {
	d := &Docker{Host: &host.Host{Paths: host.Paths{State: t.TempDir()}}}
	start := time.Now()
	boot := host.SinceBoot()
	unit := host.Unit{InvocationID: "a", Started: start, StartedAfterBoot: boot}
	file := seen.DaemonJSON(t, `{"mtu":1}`)
	file.Exists = true
	for _, test := range []struct {
		name    string
		changed time.Duration // after the start
		unit    func(*host.Unit)
		known   bool
	}{
		{"changed before the start", -time.Second, nil, true},
		{"changed after it", time.Second, nil, false},
		{"at the same tick", -time.Millisecond, nil, false},
		{"an unknown start", -time.Hour, func(u *host.Unit) { u.Started = time.Time{} }, false},
		{"the clock was set back since the start", -time.Minute, func(u *host.Unit) { u.Started = start.Add(time.Hour) }, true},
		{"set back, and changed after the start", time.Minute, func(u *host.Unit) { u.Started = start.Add(time.Hour) }, false},
		{"set forward since, and changed after the start", -time.Minute, func(u *host.Unit) { u.Started = start.Add(-time.Hour) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, f := unit, file
			if test.unit != nil {
				test.unit(&u)
			}
			f.Changed = start.Add(test.changed)
			if l := d.Loaded(u, f); (l.Started != nil) != test.known {
				t.Errorf("got %+v, want known %t", l, test.known)
			}
		})
	}

	// It is saved for this start only, and as digests.
	file.Changed = start.Add(-time.Second)
	d.RememberLoaded(d.Loaded(unit, file))
	file.Changed = start.Add(time.Hour)
	if l := d.Loaded(unit, file); l.Started["mtu"] == "" {
		t.Errorf("got %+v, want it saved", l)
	}
	d.rememberReload("a", []byte(`{"debug":true}`))
	if l := d.Loaded(unit, file); l.Started["mtu"] == "" || l.Hot()["debug"] == "" || l.Hot()["mtu"] == "" {
		t.Errorf("got %+v, want both saved", l)
	}
	other := unit
	other.InvocationID = "b"
	if l := d.Loaded(other, file); l.Started != nil || l.Reloaded != nil {
		t.Errorf("got %+v, want nothing known of another start", l)
	}
	if host.OptionDigests("a", file.Doc)["mtu"] == host.OptionDigests("b", file.Doc)["mtu"] {
		t.Error("got the same digest for two starts")
	}
	info, err := os.Stat(d.State().LoadedPath())
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("got %v, %v, want a file for its owner alone", info.Mode(), err)
	}
	for _, text := range []string{"", "{", `{"schema_version":2,"invocation":"a"}`, `[]`} {
		if err := os.WriteFile(d.State().LoadedPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if l := d.Loaded(unit, file); l.Started != nil {
			t.Errorf("%q: got %+v, want nothing known", text, l)
		}
	}
}
