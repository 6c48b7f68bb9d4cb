package systemd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	systemdbus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// grace is how long after the end of its context RunTransient waits for each of
// two answers: whether the process was started, and whether it was stopped.
const grace = 5 * time.Second

// A Transient is a process that systemd starts in its own environment and with
// all privileges, for a caller with fewer.
type Transient struct {
	Name        string        // of the unit: ends in ".service", and no other program uses it
	Description string        // what systemctl and the journal call it
	Argv        []string      // the program by its full path, and its arguments, not expanded
	Timeout     time.Duration // after which systemd ends it, even if the caller is gone
}

// RunTransient runs a process to its end, as the only one of a unit that is
// gone afterwards, however the process ends. Its output goes to the journal.
//
// A *JobError means that the process did not start, did not exit with 0 or
// exceeded its Timeout. Another error means that systemd refused it, for
// example because a unit with this name is loaded. When ctx ends, RunTransient
// stops the unit, waits a few seconds for the answer, and returns the error of
// ctx, together with that of the stop if it failed. After ErrLost or a failed
// stop, the process may run until its Timeout.
func (c *Conn) RunTransient(ctx context.Context, t Transient) error {
	if len(t.Argv) == 0 || t.Timeout < time.Microsecond {
		return fmt.Errorf("run %s: no command or no timeout", t.Name)
	}
	started := false
	err := c.job(ctx, "run", t.Name, func(manager *systemdbus.Conn, ctx context.Context, name, mode string, result chan<- string) (int, error) {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		// Wait for the answer even after ctx has ended. Without it we do not
		// know whether there is a unit to stop, or whether it is another
		// program's.
		asking, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
		id, err := manager.StartTransientUnitContext(asking, name, mode, t.properties(), result)
		started = err == nil
		return id, err
	})
	if !started || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if stop := c.stop(stopping, t.Name); stop != nil && !notLoaded(stop) {
		return fmt.Errorf("%w (and %s)", err, stop.Error())
	}
	return err
}

// stop stops our unit. Mode "replace": the job that it cancels is our own
// unfinished start.
func (c *Conn) stop(ctx context.Context, name string) error {
	return c.job(ctx, "stop", name, func(manager *systemdbus.Conn, ctx context.Context, name, _ string, result chan<- string) (int, error) {
		return manager.StopUnitContext(ctx, name, "replace", result)
	})
}

func (t Transient) properties() []systemdbus.Property {
	type command struct {
		Path   string
		Argv   []string
		Ignore bool // whether it may fail
	}
	// systemd expands variables in a command line, here too
	// (systemd.service(5)).
	argv := make([]string, len(t.Argv))
	for i, argument := range t.Argv {
		argv[i] = strings.ReplaceAll(argument, "$", "$$")
	}
	var properties []systemdbus.Property
	for name, value := range map[string]any{
		"Description":      t.Description,
		"Type":             "oneshot", // its start is done when the process has ended
		"ExecStart":        []command{{Path: t.Argv[0], Argv: argv}},
		"TimeoutStartUSec": uint64(t.Timeout.Microseconds()),
		"CollectMode":      "inactive-or-failed",
	} {
		properties = append(properties, systemdbus.Property{Name: name, Value: dbus.MakeVariant(value)})
	}
	return properties
}
