// Package transaction carries out one journalled change of daemon.json and dockerd, and puts
// both and the link to the current release back. It is the only code that writes daemon.json
// or has systemd reload, restart or start Docker.
//
// It guarantees the following. An error leaves the old daemon.json, and so does a kill at
// any instant: the journal says what a run is about to do, and Recover finishes or reverts
// it in the next run. The way back looks at the host and does not assume how far the run
// came, so it may itself be killed and repeated. Another program's text stays; only our
// settings are taken out of it. A text that no plan has looked at does not get into a
// running Docker by our restart. Docker is started only if it is down because of a change
// of this program. If something cannot be put back, the error says what is left.
//
// It never decides what to change: the steps come from a plan, which also has the consent
// to a restart. It does not take the lock of the state directory: the caller holds it.
package transaction

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"runsc-provisioner/provision/await"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

const (
	// defaultConfirmWithin bounds the wait for dockerd to show a change. That takes 50 ms,
	// and took seconds on a loaded host.
	defaultConfirmWithin = 15 * time.Second
	// defaultRestartWithin bounds a restart of Docker.
	defaultRestartWithin = 2 * time.Minute
)

// Jobs are what this program asks systemd to do.
type Jobs interface {
	// Reload, Restart and Start wait for systemd's job. If its outcome was not seen, the
	// error is ErrOutcomeUnknown.
	Reload(ctx context.Context, name string) error
	Restart(ctx context.Context, name string) error
	Start(ctx context.Context, name string) error
	ResetFailed(ctx context.Context, name string) error
	// LoadUnits makes systemd read all unit files again. It starts and stops nothing.
	LoadUnits(ctx context.Context) error
}

// ErrOutcomeUnknown says that the connection to systemd was lost before the answer. The
// state of the unit shows what became of the job.
var ErrOutcomeUnknown = errors.New("outcome unknown")

// ErrStartLimit says that systemd refused a start because Docker was started too often.
var ErrStartLimit = errors.New("systemd's start limit is reached: Docker was started too often in a short time")

// startLimitHit is the result of a unit at its start limit (systemd.service(5)).
const startLimitHit = "start-limit-hit"

// Docker is the Docker of a host, to change it.
type Docker struct {
	*host.Host
	Jobs Jobs
	// ConfirmWithin bounds the wait for dockerd to show a change; zero is 15 s.
	ConfirmWithin time.Duration
	// RestartWithin bounds a restart of Docker; zero is 2 min. docker.service has no
	// limit of its own (TimeoutStartSec=0).
	RestartWithin time.Duration
	// NewerAside sets the journal of a newer version aside too, instead of refusing it.
	NewerAside bool
	// RollingBack is called when a way back begins, with its cause; may be nil.
	RollingBack func(cause error)
	// Restarting is called before a way back starts or restarts Docker. What it returns
	// is called with the outcome. It may be nil.
	Restarting func(steps.Restart) (ended func(error))
}

func (d *Docker) rollingBack(cause error) {
	if d.RollingBack != nil {
		d.RollingBack(cause)
	}
}

func (d *Docker) restarting(s steps.Restart) (ended func(error)) {
	if d.Restarting == nil {
		return func(error) {}
	}
	return d.Restarting(s)
}

// WithClient calls use with a client that also changes dockerd, where Host.Dial gives one
// that only reads, and closes it. If the socket cannot be opened, the error is
// *blocked.Unreachable.
func (d *Docker) WithClient(flags commandline.Flags, use func(*engine.Client) error) error {
	client, err := engine.Open(d.Socket(flags))
	if err != nil {
		return blocked.DockerdSilent(err)
	}
	defer client.Close()
	return use(client)
}

// runningContainers returns the names of the containers that run. The error is
// *blocked.Unreachable.
func (d *Docker) runningContainers(ctx context.Context, flags commandline.Flags) (names []string, err error) {
	err = d.WithClient(flags, func(client *engine.Client) error {
		if names, err = client.Names(ctx); err != nil {
			return blocked.DockerdSilent(err)
		}
		return nil
	})
	return names, err
}

// dockerd waits for the running dockerd to take a change.
func (d *Docker) dockerd() await.Dockerd {
	return await.Dockerd{Host: d.Host, Timeout: cmp.Or(d.ConfirmWithin, defaultConfirmWithin)}
}

// Confirm waits until dockerd shows s, up to ConfirmWithin, and returns its settings then.
// An error of stale, which it calls while it waits, ends the wait.
func (d *Docker) Confirm(ctx context.Context, s steps.Settings, flags commandline.Flags, stale func() error) (engine.Info, error) {
	return d.dockerd().Confirm(ctx, s, flags, stale)
}

func (d *Docker) restartWithin() time.Duration {
	return cmp.Or(d.RestartWithin, defaultRestartWithin)
}

// bringUp runs the job that starts or restarts a unit, and waits until the unit is up.
func (d *Docker) bringUp(ctx context.Context, before host.Unit, job func(context.Context, string) error) (host.Unit, error) {
	limited, cancel := context.WithTimeoutCause(ctx, d.restartWithin(), fmt.Errorf("not up after %s", d.restartWithin()))
	defer cancel()
	err := job(limited, before.Name)
	if limited.Err() != nil && ctx.Err() == nil {
		return host.Unit{}, fmt.Errorf("restart %s: %w", before.Name, context.Cause(limited))
	}
	notUp := func(unit host.Unit) error {
		return fmt.Errorf("restart %s: it is %s (%s)", before.Name, unit.ActiveState, unit.Result)
	}
	if errors.Is(err, ErrOutcomeUnknown) {
		unit, settleErr := d.WaitSettled(limited)
		switch {
		case settleErr != nil:
			return host.Unit{}, settleErr
		case unit.Running() && (unit.InvocationID != before.InvocationID || !before.Running()):
			return unit, nil
		case unit.ActiveState == "failed" && before.ActiveState != "failed":
			return host.Unit{}, notUp(unit)
		}
		err = job(limited, before.Name)
	}
	if err != nil {
		if unit, askErr := d.Docker(ctx); askErr == nil && unit.Result == startLimitHit {
			err = fmt.Errorf("%w (%w)", ErrStartLimit, err)
		}
		return host.Unit{}, fmt.Errorf("restart %s: %w", before.Name, err)
	}
	unit, err := d.WaitSettled(limited)
	if err == nil && !unit.Running() {
		err = notUp(unit)
	}
	return unit, err
}
