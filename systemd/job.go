package systemd

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	systemdbus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// JobError means that systemd accepted a job and did not finish it.
type JobError struct {
	Unit   string
	Job    string // reload, start, restart, run
	Result string // canceled, timeout, failed, dependency, skipped, …
}

func (e *JobError) Error() string {
	return fmt.Sprintf("%s %s: systemd's job ended with %q", e.Job, e.Unit, e.Result)
}

// Reload makes a running unit read its configuration again and waits for the
// job. A job that is done does not mean that the service accepted the
// configuration. It is an error if the unit is not active. A unit without ExecReload=
// has no such job: its main process then gets SIGHUP, once, which is what the
// ExecReload= of dockerd's own units sends.
//
// systemd sets no limit for the commands of ExecReload= if TimeoutStartSec= is 0, as in docker.service, and then the
// unit would stay "reloading". If they have not ended after a minute, Reload kills the one that runs, and the error is
// ErrReloadHung.
func (c *Conn) Reload(ctx context.Context, name string) error {
	limited, cancel := context.WithTimeout(ctx, c.reloadWithin)
	defer cancel()
	err := c.job(limited, "reload", name, (*systemdbus.Conn).ReloadUnitContext)
	if reply, refused := errors.AsType[dbus.Error](err); refused && reply.Name == "org.freedesktop.systemd1.JobTypeNotApplicable" {
		return c.hangUp(ctx, name)
	}
	if err == nil || ctx.Err() != nil || !errors.Is(limited.Err(), context.DeadlineExceeded) {
		return err
	}
	return errors.Join(fmt.Errorf("reload %s: %w within %s, and was killed", name, ErrReloadHung, c.reloadWithin), c.killControl(ctx, name))
}

// hangUp has systemd send SIGHUP to the main process of a unit.
func (c *Conn) hangUp(ctx context.Context, name string) error {
	l, err := c.link(ctx)
	if err == nil {
		err = l.explain(ctx, l.manager.KillUnitWithTarget(ctx, name, systemdbus.Main, int32(syscall.SIGHUP)))
	}
	if err != nil {
		return fmt.Errorf("send SIGHUP to %s: %w", name, err)
	}
	return nil
}

// ErrReloadHung means that a command of ExecReload= did not end.
var ErrReloadHung = errors.New("its ExecReload did not end")

// controlEnds limits the wait until a unit has left the state "reloading", once its command was killed.
const controlEnds = 5 * time.Second

// killControl kills the command that systemd runs for the unit's job, and waits until the unit has noticed. It never
// signals the service itself.
func (c *Conn) killControl(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, controlEnds)
	defer cancel()
	l, err := c.link(ctx)
	if err == nil {
		err = l.explain(ctx, l.manager.KillUnitWithTarget(ctx, name, systemdbus.Control, int32(syscall.SIGKILL)))
	}
	if err != nil {
		return fmt.Errorf("kill the ExecReload of %s: %w", name, err)
	}
	for {
		unit, err := c.Unit(ctx, name)
		if err != nil {
			return err
		}
		if unit.ActiveState != "reloading" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is still reloading", name)
		case <-time.After(controlPoll):
		}
	}
}

// controlPoll is the time between two looks at the unit.
const controlPoll = 20 * time.Millisecond

// Restart stops a unit and starts it, or starts one that is stopped, and waits
// for the job.
func (c *Conn) Restart(ctx context.Context, name string) error {
	return c.job(ctx, "restart", name, (*systemdbus.Conn).RestartUnitContext)
}

// Start starts a unit and waits for the job. An active unit is left alone.
func (c *Conn) Start(ctx context.Context, name string) error {
	return c.job(ctx, "start", name, (*systemdbus.Conn).StartUnitContext)
}

// ResetFailed clears a unit's failed state and its count of starts. A unit that
// hit its start limit cannot start before that. A unit that is not loaded has
// neither, and is not an error.
func (c *Conn) ResetFailed(ctx context.Context, name string) error {
	l, err := c.link(ctx)
	if err == nil {
		err = l.explain(ctx, l.manager.ResetFailedUnitContext(ctx, name))
	}
	if err != nil && !notLoaded(err) {
		return fmt.Errorf("reset-failed %s: %w", name, err)
	}
	return nil
}

// LoadUnits makes systemd read all unit files again, as systemctl daemon-reload does. It starts and stops nothing.
func (c *Conn) LoadUnits(ctx context.Context) error {
	err := c.awaitAnswer(ctx, func(ctx context.Context) error {
		l, err := c.link(ctx)
		if err == nil {
			err = l.explain(ctx, l.manager.ReloadContext(ctx))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("daemon-reload: %w", err)
	}
	return nil
}

// notLoaded reports whether an error is systemd's answer that the unit is not
// in memory.
func notLoaded(err error) bool {
	reply, ok := errors.AsType[dbus.Error](err)
	return ok && reply.Name == "org.freedesktop.systemd1.NoSuchUnit"
}

type enqueue func(c *systemdbus.Conn, ctx context.Context, unit, mode string, result chan<- string) (int, error)

func (c *Conn) job(ctx context.Context, verb, name string, enqueue enqueue) error {
	l, err := c.link(ctx)
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, name, err)
	}
	// Buffered: go-systemd blocks on an unread result, and so would all other
	// jobs.
	result := make(chan string, 1)
	// Mode "fail", not "replace": we must not cancel a stop that an
	// administrator has queued.
	id, err := enqueue(l.manager, ctx, name, "fail", result)
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, name, l.explain(ctx, err))
	}
	outcome, err := l.wait(ctx, id, result, c.lookEvery)
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, name, err)
	}
	if outcome != "done" {
		return &JobError{Unit: name, Job: verb, Result: outcome}
	}
	return nil
}

// wait returns a job's result. The signal with the result may be lost (by a
// slow bus, or one that refused the match rule), so wait also reads the queue:
// a job missing from it twice in a row has an unknown result.
func (l *link) wait(ctx context.Context, id int, result <-chan string, lookEvery time.Duration) (string, error) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for gone := 0; gone < 2; {
		select {
		case outcome := <-result:
			return outcome, nil
		case <-l.alive.Done():
			return preferResult(result, ErrLost)
		case <-ctx.Done():
			return preferResult(result, ctx.Err())
		case <-look.C:
			queued, err := l.queued(ctx, id)
			if err != nil {
				return preferResult(result, err)
			}
			if queued {
				gone = 0
			} else {
				gone++
			}
		}
	}
	return preferResult(result, fmt.Errorf("%w: the job is gone and its result was not signalled", ErrLost))
}

// preferResult returns err, unless a result came at the same moment.
func preferResult(result <-chan string, err error) (string, error) {
	select {
	case outcome := <-result:
		return outcome, nil
	default:
		return "", err
	}
}

func (l *link) queued(ctx context.Context, id int) (bool, error) {
	jobs, err := l.manager.ListJobsContext(ctx)
	if err != nil {
		return false, l.explain(ctx, err)
	}
	for _, job := range jobs {
		if int(job.Id) == id {
			return true, nil
		}
	}
	return false, nil
}
