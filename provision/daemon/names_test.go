package daemon

import (
	"errors"
	"testing"

	"runsc-provisioner/provision/names"
	"runsc-provisioner/provision/status"
)

// A file that is left alone is told of once, and one about the host's name servers once for all containers.
func TestHeardNames(t *testing.T) {
	h := newFakeHost(t)
	var told []status.Notice
	h.daemon.Tell = func(n status.Notice) { told = append(told, n) }
	l := newLoop(h.daemon, nil)
	one := names.Left{ID: "a", Name: "web", File: "hosts", Reason: "edited"}
	two := names.Left{ID: "a", Name: "web", File: "resolv.conf", Reason: "no server"}
	three := names.Left{ID: "b", Name: "db", File: "resolv.conf", Reason: "no server"}
	for _, step := range []struct {
		report names.Report
		told   int
	}{
		{names.Report{Mode: names.Maintain, Kept: 1}, 0},
		{names.Report{Left: []names.Left{one, two}}, 2},
		{names.Report{Left: []names.Left{one, two, three}}, 2},
		{names.Report{Err: errors.New("no inotify")}, 3},
		{names.Report{Err: errors.New("no inotify")}, 3},
		{names.Report{Mode: names.Maintain, Kept: 3}, 3},
	} {
		if l.heardNames(step.report); len(told) != step.told {
			t.Errorf("after %+v: told %d times, want %d: %+v", step.report, len(told), step.told, told)
		}
	}
	if l.status.Names.Kept != 3 || len(l.status.Names.Left) > 0 || l.status.Names.Error != "" {
		t.Errorf("got %+v", l.status.Names)
	}
}
