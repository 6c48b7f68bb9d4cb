package transaction

import (
	"context"
	"errors"
	"testing"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/dockerhost"
)

// fakeJobs is a dockerhost.Dockerd that records the journal on disk at the begin of each job: after
// a kill, the next run would find that.
type fakeJobs struct {
	*dockerhost.Dockerd
	docker *Docker
	active string // state of docker.service before the first job
	job    string // the last job
	seen   []journalled
}

// journalled is what the journal says when a job begins.
type journalled struct {
	job                  string
	restarting, starting bool
	restarted            string
}

func (f *fakeJobs) note(job string) error {
	j, _, err := f.docker.State().Journal().Read()
	f.seen = append(f.seen, journalled{job, j.Restarting, j.Starting, j.Restarted})
	return err
}

func (f *fakeJobs) Unit(_ context.Context, name string) (host.Unit, error) {
	unit := host.Unit{Name: name, LoadState: "loaded", ActiveState: f.active, ExecStart: []string{"/nowhere/dockerd"}, InvocationID: "before"}
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

func (f *fakeJobs) LoadUnits(context.Context) error { return nil }

func (f *fakeJobs) ResetFailed(_ context.Context, unit string) error {
	if unit != host.DockerUnit {
		return nil
	}
	return f.note("reset")
}

func TestFault_X01_ARestartIsJournalledBeforeItsJob(t *testing.T) {
	restart := func(ctx context.Context, tx *Transaction, _ host.Unit) error {
		return tx.Restart(ctx, steps.Restart{Unit: host.DockerUnit})
	}
	back := func(again bool) func(context.Context, *Transaction, host.Unit) error {
		return func(ctx context.Context, tx *Transaction, unit host.Unit) error {
			return tx.undoByStart(ctx, unit, again)
		}
	}
	for _, test := range []struct {
		name   string
		active string
		was    state.Journal // the journal before
		do     func(context.Context, *Transaction, host.Unit) error
		want   []journalled // at each job
		in     journalled   // the journal at the end
	}{
		{name: "a step of the plan", active: "active", do: restart,
			want: []journalled{{"restart", true, false, ""}}, in: journalled{"", true, false, "after"}},
		{name: "on the way back, Docker runs", active: "active", do: back(true), was: state.Journal{Restarting: true, Restarted: "ours"},
			want: []journalled{{"reset", true, true, ""}, {"restart", true, true, ""}}, in: journalled{"", true, true, "after"}},
		{name: "on the way back, Docker has failed", active: "failed", do: back(false),
			want: []journalled{{"reset", true, true, ""}, {"start", true, true, ""}}, in: journalled{"", true, true, "after"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, fake, o := hostWithDockerd(t, oldText)
			jobs := &fakeJobs{Dockerd: fake, docker: d, active: test.active}
			d.Units, d.Jobs = jobs, jobs
			tx, err := Begin(d, dockerhost.Upgrade(o, newText), o, runtimes)
			if err != nil {
				t.Fatal(err)
			}
			tx.journal.Restarting, tx.journal.Restarted = test.was.Restarting, test.was.Restarted
			unit, unitErr := jobs.Unit(t.Context(), host.DockerUnit)
			if err := errors.Join(unitErr, d.State().Journal().Write(tx.journal), test.do(t.Context(), tx, unit)); err != nil {
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
