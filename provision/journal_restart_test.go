package provision

import (
	"context"
	"errors"
	"testing"
)

// fakeJobs is a fakeDockerd that notes, as each job begins, what the journal on
// the disk says: after a kill, the next run finds that.
type fakeJobs struct {
	*fakeDockerd
	h     *Host
	state string // of docker.service, until a job
	job   string // the last one
	seen  []journalled
}

// journalled is what the journal says at one job.
type journalled struct {
	job                  string
	restarting, starting bool
	restarted            string
}

func (f *fakeJobs) note(job string) error {
	j, _, err := f.h.readJournal()
	f.seen = append(f.seen, journalled{job, j.Restarting, j.Starting, j.Restarted})
	return err
}

func (f *fakeJobs) Unit(_ context.Context, name string) (Unit, error) {
	unit := Unit{Name: name, LoadState: "loaded", ActiveState: f.state, ExecStart: []string{"/nowhere/dockerd"}, InvocationID: "before"}
	if f.job != "" {
		unit.ActiveState, unit.InvocationID = "active", "after"
	}
	return unit, nil
}

func (f *fakeJobs) Restart(context.Context, string) error {
	err := f.note("restart")
	f.job = "restart"
	return err
}

func (f *fakeJobs) Start(context.Context, string) error {
	err := f.note("start")
	f.job = "start"
	return err
}

func (f *fakeJobs) ResetFailed(_ context.Context, unit string) error {
	if unit != DockerUnit {
		return nil
	}
	return f.note("reset")
}

func TestFault_X01_ARestartIsJournalledBeforeItsJob(t *testing.T) {
	restart := func(ctx context.Context, tx *transaction, _ Unit) error {
		return tx.restart(ctx, Restart{Unit: DockerUnit})
	}
	back := func(again bool) func(context.Context, *transaction, Unit) error {
		return func(ctx context.Context, tx *transaction, unit Unit) error { return tx.startBack(ctx, unit, again) }
	}
	for _, test := range []struct {
		name  string
		state string
		was   journal // what the journal says already
		do    func(context.Context, *transaction, Unit) error
		want  []journalled
		in    journalled // what it says in the end
	}{
		{name: "on the way there", state: "active", do: restart,
			want: []journalled{{"restart", true, false, ""}}, in: journalled{"", true, false, "after"}},
		{name: "on the way back, it runs", state: "active", do: back(true), was: journal{Restarting: true, Restarted: "ours"},
			want: []journalled{{"reset", true, true, ""}, {"restart", true, true, ""}}, in: journalled{"", true, true, "after"}},
		{name: "on the way back, it has failed", state: "failed", do: back(false),
			want: []journalled{{"reset", true, true, ""}, {"start", true, true, ""}}, in: journalled{"", true, true, "after"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, d, o := changing(t, oldText)
			jobs := &fakeJobs{fakeDockerd: d, h: h, state: test.state}
			h.Units = jobs
			tx, err := h.open(upgrade(o, newText), DefaultConfig(), o)
			if err != nil {
				t.Fatal(err)
			}
			tx.j.Restarting, tx.j.Restarted = test.was.Restarting, test.was.Restarted
			unit, unitErr := jobs.Unit(t.Context(), DockerUnit)
			if err := errors.Join(unitErr, h.writeJournal(tx.j), test.do(t.Context(), tx, unit)); err != nil {
				t.Fatal(err)
			}
			if err := jobs.note(""); err != nil {
				t.Fatal(err)
			}
			want := append(test.want, test.in)
			if len(jobs.seen) != len(want) {
				t.Fatalf("got %+v\nwant %+v", jobs.seen, want)
			}
			for i, seen := range jobs.seen {
				if seen != want[i] {
					t.Errorf("journal at job %d: got %+v, want %+v", i, seen, want[i])
				}
			}
		})
	}
}
