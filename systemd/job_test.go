package systemd

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

func TestFault_E05_JobResults(t *testing.T) {
	f := newFakeManager(t, "bus")
	c := dialFake(t, f)
	jobs := []struct {
		member, verb string
		call         func(context.Context, string) error
	}{
		{"ReloadUnit", "reload", c.Reload},
		{"RestartUnit", "restart", c.Restart},
		{"StartUnit", "start", c.Start},
	}
	for _, job := range jobs {
		for _, result := range []string{"done", "canceled", "timeout", "failed", "dependency", "skipped"} {
			f.on(job.member, endJob(result))
			err := job.call(t.Context(), "docker.service")
			await(t, f, job.member+" docker.service fail")
			if result == "done" {
				if err != nil {
					t.Errorf("%s, job done: got %v, want nil", job.verb, err)
				}
				continue
			}
			want := JobError{Unit: "docker.service", Job: job.verb, Result: result}
			if got, ok := errors.AsType[*JobError](err); !ok || *got != want {
				t.Errorf("%s, job %s: got %v, want %v", job.verb, result, err, &want)
			}
		}
	}
}

func TestJobRefusedBySystemd(t *testing.T) {
	f := newFakeManager(t, "bus")
	c := dialFake(t, f)
	refuse := func(f *fakeManager, p *fakePeer, m *dbus.Message) {
		f.fail(p, m, "org.freedesktop.systemd1.JobTypeNotApplicable", "Job type reload is not applicable.")
	}
	f.on("RestartUnit", refuse)
	f.on("ResetFailedUnit", refuse)
	for verb, err := range map[string]error{
		"restart":      c.Restart(t.Context(), "docker.service"),
		"reset-failed": c.ResetFailed(t.Context(), "docker.service"),
	} {
		want := verb + " docker.service: Job type reload is not applicable."
		if err == nil || err.Error() != want || errors.Is(err, ErrLost) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestFault_X10_AUnitWithoutExecReloadGetsSIGHUP(t *testing.T) {
	f := newFakeManager(t, "bus")
	c := dialFake(t, f)
	f.on("ReloadUnit", func(f *fakeManager, p *fakePeer, m *dbus.Message) {
		f.fail(p, m, "org.freedesktop.systemd1.JobTypeNotApplicable", "Job type reload is not applicable for unit docker.service.")
	})
	for _, test := range []struct {
		name   string
		answer func(*fakeManager, *fakePeer, *dbus.Message)
		sent   bool
	}{
		{"sent", func(f *fakeManager, p *fakePeer, m *dbus.Message) { f.reply(p, m) }, true},
		{"no main process", func(f *fakeManager, p *fakePeer, m *dbus.Message) {
			f.fail(p, m, "org.freedesktop.systemd1.NoSuchProcess", "No main process to kill")
		}, false},
	} {
		f.on("KillUnit", test.answer)
		if err := c.Reload(t.Context(), "docker.service"); (err == nil) != test.sent {
			t.Errorf("%s: got %v, want sent %v", test.name, err, test.sent)
		}
		await(t, f, "KillUnit docker.service main")
	}
	f.on("ReloadUnit", endJob("failed"))
	if err := c.Reload(t.Context(), "docker.service"); err == nil {
		t.Error("a job that failed counts as done")
	}
	select {
	case call := <-f.calls:
		if strings.HasPrefix(call, "KillUnit") {
			t.Error("a job that failed was followed by a signal")
		}
	default:
	}
}

func TestResetFailedOfAUnitThatIsNotLoaded(t *testing.T) {
	f := newFakeManager(t, "bus")
	f.on("ResetFailedUnit", func(f *fakeManager, p *fakePeer, m *dbus.Message) {
		f.fail(p, m, "org.freedesktop.systemd1.NoSuchUnit", "Unit docker.socket not loaded.")
	})
	if err := dialFake(t, f).ResetFailed(t.Context(), "docker.socket"); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestJobThatNeverEndsEndsWithItsContext(t *testing.T) {
	f := newFakeManager(t, "bus")
	c := dialFake(t, f)
	c.lookEvery = time.Millisecond
	f.on("RestartUnit", takeJob)
	f.on("ListJobs", unanswered) // no answer either
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		await(t, f, "ListJobs") // so the job was taken
		cancel()
	}()
	if err := c.Restart(ctx, "docker.service"); !errors.Is(err, context.Canceled) || errors.Is(err, ErrLost) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	// A result without a waiter must not block others.
	c.lookEvery = time.Hour
	f.jobRemoved(fakeJobID, "docker.service", "done")
	f.on("ReloadUnit", endJob("done"))
	if err := c.Reload(t.Context(), "docker.service"); err != nil {
		t.Errorf("the next job: got %v, want nil", err)
	}
}

func TestJobWhoseResultIsNotSignalled(t *testing.T) {
	f := newFakeManager(t, "bus")
	c := dialFake(t, f)
	c.lookEvery = time.Millisecond
	f.on("RestartUnit", takeJob)
	type job struct {
		ID               uint32
		Unit, Type, Wait string
		Job, UnitPath    dbus.ObjectPath
	}
	var looks atomic.Int32
	f.on("ListJobs", func(f *fakeManager, p *fakePeer, m *dbus.Message) {
		jobs := []job{{7, "a.service", "start", "running", "/j/7", "/u/a"}}
		if looks.Add(1) < 4 {
			jobs = append(jobs, job{fakeJobID, "docker.service", "restart", "running", fakeJobPath, "/u/d"})
		}
		f.reply(p, m, jobs)
	})
	err := c.Restart(t.Context(), "docker.service")
	if !errors.Is(err, ErrLost) {
		t.Errorf("got %v, want %v", err, ErrLost)
	}
	if got := looks.Load(); got != 5 {
		t.Errorf("got %d looks at the queue, want 5: three that found the job and two that did not", got)
	}
}
