package checkup

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/test/seen"
)

func TestFault_X01_ItemOfAnOpenJournal(t *testing.T) {
	const path = "/var/lib/runsc-provisioner/journal.json"
	right := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))}
	for _, test := range []struct {
		open *state.OpenJournal
		want Health
	}{
		{nil, Healthy},
		{&state.OpenJournal{Path: path, State: state.JournalRunning}, Warning},
		{&state.OpenJournal{Path: path, State: state.JournalUnknown}, Unsure},
		{&state.OpenJournal{Path: path, State: state.JournalUnfinished}, Critical},
		{&state.OpenJournal{Path: path, State: state.JournalUnreadable, Err: errors.New("unexpected end")}, Critical},
		{&state.OpenJournal{Path: path, State: state.JournalNewer}, Critical},
	} {
		o := right.Observed(t)
		o.Journal = test.open
		items, err := Items(config.Default(), o)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(items, func(item Item) bool { return item.Name == JournalItemName })
		if test.open == nil {
			if i >= 0 {
				t.Errorf("no journal: got %+v, want no item", items[i])
			}
			continue
		}
		if i < 0 || items[i].Health != test.want || items[i].Seen == "" || items[i].Remedy == "" {
			t.Errorf("%s: got %+v, want one of health %s", test.open.State, items, test.want)
			continue
		}
		if test.want != Warning && !strings.Contains(items[i].Seen, path) {
			t.Errorf("%s: got %q, want it to name %s", test.open.State, items[i].Seen, path)
		}
		if test.want == Critical && !strings.Contains(items[i].Remedy, "runsc-provisioner apply") {
			t.Errorf("%s: got the remedy %q, want one with apply", test.open.State, items[i].Remedy)
		}
	}
}
