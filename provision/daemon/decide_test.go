package daemon

import (
	"errors"
	"testing"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/provision/watch"
)

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
		damaged bool // a record, which is no error
	}{
		{name: "none", next: interval},
		{name: "another run holds the lock", err: state.ErrLocked, next: time.Second, waiting: true},
		{name: "a file is being written", err: watch.ErrWriting, next: time.Second, untold: true},
		{name: "a file is written for long", err: watch.ErrWriting, trouble: grace, next: time.Second},
		{name: "no configuration", err: errNoConfig, next: grace, untold: true},
		{name: "a syntax error", err: &daemonjson.Error{}, next: grace, untold: true},
		{name: "a syntax error for long", err: &daemonjson.Error{}, trouble: grace, next: interval},
		{name: "dockerd does not answer", err: &blocked.Unreachable{Err: errors.New("x")}, running: true, next: grace, untold: true, waiting: true},
		{name: "docker does not run", err: &blocked.Unreachable{Err: errors.New("x")}, trouble: grace, next: interval, waiting: true},
		{name: "dockerd does not answer for long", err: &blocked.Unreachable{Err: errors.New("x")}, running: true, trouble: grace, next: firstRetry, waiting: true},
		{name: "another program keeps changing the file", err: transaction.ErrBusy, trouble: grace, next: firstRetry},
		{name: "refused", err: &blocked.Refused{Err: errors.New("x")}, next: interval},
		{name: "a damaged record", damaged: true, next: time.Minute},
		{name: "anything else", err: errors.New("x"), next: firstRetry, retried: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &rounds{now: func() time.Time { return at(100) }}
			r.config.Config.Enforce.Interval = config.Duration(interval)
			out := &outcome{err: test.err, began: at(100).Add(-test.trouble)}
			if test.damaged {
				out.observed.Refusals = []error{&blocked.Refused{}}
			}
			if test.running {
				out.unit.ActiveState = "active"
			}
			r.classify(out)
			if out.next != test.next || out.tentative != test.untold || (out.waiting != "") != test.waiting || (r.retry.failed > 0) != test.retried {
				t.Errorf("got next %s, untold %v, waiting %q, %d retries; want %+v", out.next, out.tentative, out.waiting, r.retry.failed, test)
			}
			if test.waiting == (out.err != nil) && test.err != nil {
				t.Errorf("got error %v and waiting %q, want one of them", out.err, out.waiting)
			}
		})
	}
}
