package daemon

import (
	"errors"
	"testing"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision"
	"runsc-provisioner/provision/watch"
)

func TestRestartsAreFarApart(t *testing.T) {
	for _, test := range []struct {
		name   string
		most   provision.Disruption
		before time.Duration // since the last restart; 0 where there was none
		paused bool
	}{
		{"never restarted", provision.DisruptionRestart, 0, false},
		{"a moment ago", provision.DisruptionRestart, time.Second, true},
		{"just before the pause ends", provision.DisruptionRestart, restartEvery - time.Second, true},
		{"when the pause ends", provision.DisruptionRestart, restartEvery, false},
		{"the clock was set back since", provision.DisruptionRestart, -time.Hour, false},
		{"restarts are not allowed at all", provision.DisruptionReload, time.Second, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newFakeHost(t)
			r := newRounds(h.daemon)
			r.config.Config.Enforce.MaxDisruption = test.most
			if test.before != 0 {
				r.out = &outcome{}
				r.report(provision.Event{Kind: provision.StepStarted, Step: provision.Restart{}})
				h.pass(test.before)
				if r.out.restarts != 1 {
					t.Errorf("got %d restarts counted, want one", r.out.restarts)
				}
			}
			// A recovery is held to the same pause as a repair.
			o, err := r.consent()
			if err != nil || (o.Unattended.NoRestart != "") != test.paused || o.Unattended.Most != test.most {
				t.Errorf("got %+v, %v, want paused %v", o.Unattended, err, test.paused)
			}
		})
	}
}

func TestErrorsDecideTheNextLook(t *testing.T) {
	const interval = 7 * time.Minute
	for _, test := range []struct {
		name    string
		err     error
		running bool
		trouble time.Duration // that it has lasted for
		next    time.Duration
		untold  bool
		waiting bool
		retried bool // with growing pauses
	}{
		{name: "none", next: interval},
		{name: "another run holds the lock", err: provision.ErrLocked, next: time.Second, waiting: true},
		{name: "a file is being written", err: watch.ErrWriting, next: time.Second, untold: true},
		{name: "a file is written for long", err: watch.ErrWriting, trouble: grace, next: time.Second},
		{name: "no configuration", err: errNoConfig, next: grace, untold: true},
		{name: "a syntax error", err: &daemonjson.Error{}, next: grace, untold: true},
		{name: "a syntax error for long", err: &daemonjson.Error{}, trouble: grace, next: interval},
		{name: "dockerd does not answer", err: &provision.OutOfReach{Err: errors.New("x")}, running: true, next: grace, untold: true, waiting: true},
		{name: "docker does not run", err: &provision.OutOfReach{Err: errors.New("x")}, trouble: grace, next: interval, waiting: true},
		{name: "dockerd does not answer for long", err: &provision.OutOfReach{Err: errors.New("x")}, running: true, trouble: grace, next: firstRetry, waiting: true},
		{name: "another program keeps changing the file", err: provision.ErrBusy, trouble: grace, next: firstRetry},
		{name: "refused", err: &provision.Refusal{Err: errors.New("x")}, next: interval},
		{name: "anything else", err: errors.New("x"), next: firstRetry, retried: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &rounds{now: func() time.Time { return at(100) }}
			r.config.Config.Enforce.Interval = provision.Duration(interval)
			out := &outcome{err: test.err, began: at(100).Add(-test.trouble)}
			if test.running {
				out.unit.ActiveState = "active"
			}
			r.judge(out)
			if out.next != test.next || out.untold != test.untold || (out.waiting != "") != test.waiting || (r.retry.failed > 0) != test.retried {
				t.Errorf("got next %s, untold %v, waiting %q, %d retries; want %+v", out.next, out.untold, out.waiting, r.retry.failed, test)
			}
			if test.waiting == (out.err != nil) && test.err != nil {
				t.Errorf("got error %v and waiting %q, want one of them", out.err, out.waiting)
			}
		})
	}
}
