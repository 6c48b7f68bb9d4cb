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

// grace is how long, beyond the end of its context, RunTransient waits for each
// of two answers: whether the process was started, and whether it was stopped.
const grace = 5 * time.Second

// Transient is a process that systemd starts, in its own environment and with
// all privileges, for somebody who has fewer.
type Transient struct {
	Name        string        // of the unit, which ends in ".service" and which nobody else uses
	Description string        // what systemctl and the journal call it
	Argv        []string      // the program by its full path, and its arguments as they are
	Timeout     time.Duration // after which systemd ends it, whatever became of the caller
}

// RunTransient runs a process to its end, as the only one of a unit that is
// gone afterwards, however the process ended. What it writes is in the journal.
//
// An error of type *JobError says that the process was not started, did not
// exit with 0 or took longer than its Timeout; any other that it was refused
// by systemd, as it is where a unit of this name is loaded. When ctx ends the
// unit is stopped, systemd is given a few seconds to say so, and the error is
// ctx's; it says too when the stop did not succeed. After ErrLost, as after a
// stop that did not succeed, the process may run on until its Timeout.
func (c *Conn) RunTransient(ctx context.Context, t Transient) error {
	if len(t.Argv) == 0 || t.Timeout < time.Microsecond {
		return fmt.Errorf("run %s: it has no command or no timeout", t.Name)
	}
	started := false
	err := c.job(ctx, "run", t.Name, func(manager *systemdbus.Conn, ctx context.Context, name, mode string, result chan<- string) (int, error) {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		// The answer is awaited when ctx has ended too. Without it nobody knows
		// whether there is anything to stop, or whether it is somebody else's.
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
		return fmt.Errorf("%w (and %v)", err, stop)
	}
	return err
}

// stop stops a unit of our own. Mode "replace", as what it cancels is the start
// that is still going on.
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
	// systemd.service(5) has variables replaced in a command line, here too.
	argv := make([]string, len(t.Argv))
	for i, argument := range t.Argv {
		argv[i] = strings.ReplaceAll(argument, "$", "$$")
	}
	var properties []systemdbus.Property
	for name, value := range map[string]any{
		"Description":      t.Description,
		"Type":             "oneshot", // whose start is done when the process has ended
		"ExecStart":        []command{{Path: t.Argv[0], Argv: argv}},
		"TimeoutStartUSec": uint64(t.Timeout.Microseconds()),
		"CollectMode":      "inactive-or-failed",
	} {
		properties = append(properties, systemdbus.Property{Name: name, Value: dbus.MakeVariant(value)})
	}
	return properties
}
