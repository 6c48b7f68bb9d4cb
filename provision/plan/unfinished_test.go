package plan

import (
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/test/seen"
)

func TestFault_X01_APlanBesideAnOpenJournal(t *testing.T) {
	right := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))}
	for _, test := range []struct {
		state                    state.JournalState // "" is no journal
		settles, refuses, unseen bool
	}{
		{state: ""},
		{state: state.JournalRunning},
		{state: state.JournalUnfinished, settles: true},
		{state: state.JournalUnreadable, settles: true},
		{state: state.JournalNewer, refuses: true},
		{state: state.JournalUnknown, unseen: true},
	} {
		o := right.Observed(t)
		if test.state != "" {
			o.Journal = &state.OpenJournal{Path: "/var/lib/runsc-provisioner/journal.json", State: test.state}
		}
		p, err := New(config.Default(), o, Options{})
		if err != nil || !p.Empty() || len(p.Held) > 0 {
			t.Fatalf("%q: got %+v, %v, want no step and nothing held", test.state, p, err)
		}
		u := p.Unfinished
		if u.Settles() != test.settles || u.Refuses() != test.refuses || u.Unseen() != test.unseen {
			t.Errorf("%q: got settles %t, refuses %t, unseen %t", test.state, u.Settles(), u.Refuses(), u.Unseen())
		}
		if (u == nil) != (test.state == "") || u != nil && (u.Journal != o.Journal.Path || u.State != test.state || u.First == "") {
			t.Errorf("%q: got %+v", test.state, u)
		}
	}
}
