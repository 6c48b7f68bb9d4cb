// Package daemon enforces the configuration of a host, for as long as it runs.
//
// It guarantees that it disturbs no more than the configuration allows. It leaves a
// setting alone, and reports it, if another program keeps changing it. It does not
// touch a file that another program is still writing. A configuration that was lost,
// or has lost settings, un-manages nothing. It never gives up: it retries what failed,
// less and less often.
//
// Events (inotify, systemd's signals, Docker's event stream, a timer) are hints. Each
// leads to the same look at the whole host and, if that finds drift, to the same
// transaction that apply uses.
//
// Looking at containers that start is detection, not prevention: by then, a container
// has run.
package daemon

import (
	"context"
	"errors"
	"os"
	"time"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/provision/watch"
)

// Daemon enforces the configuration of one host. All fields but Now and AliveEvery
// are required; a channel may be nil.
type Daemon struct {
	Host *provision.Provisioner
	// Changes gives hints that docker.service may have changed, until its
	// context ends.
	Changes func(context.Context) <-chan struct{}
	// Reload makes the daemon read the configuration again, and look at the host.
	Reload <-chan os.Signal
	// Ready is called when everything is watched, and after a reload. Reloading is
	// called when a reload begins, Alive while the loop is not stuck.
	Ready, Reloading, Alive func()
	// AliveEvery is how often Alive is called; 0 is never.
	AliveEvery time.Duration
	// Tell gets each notice, from one goroutine.
	Tell func(status.Notice)
	// Publish gets each changed status, from one goroutine.
	Publish func(status.Status)
	// Configured gets the configuration whenever it was read, from the goroutine of
	// Publish.
	Configured func(config.Config)
	// Measure gets durations, from one goroutine.
	Measure func(Measure, time.Duration)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Measure names a duration.
type Measure string

// The durations that a Daemon measures.
const (
	LookTook   Measure = "look"   // a look that found nothing to do
	RepairTook Measure = "repair" // from the hint until the host matches the configuration again
	StartTook  Measure = "start"  // from a container's start to its verdict
)

// Run enforces the configuration until ctx ends, and then finishes the current step.
// If files cannot be watched, the timer alone notices drift, and a Notice says so. It
// returns an error if a directory of this program was removed. The error is ErrMoved if the
// configuration has other places.
func (d *Daemon) Run(ctx context.Context) error {
	if d.Now == nil {
		d.Now = time.Now
	}
	watcher := watch.New()
	return errors.Join(newLoop(d, watcher).run(ctx), watcher.Close())
}
