// Package daemon keeps a host as it is configured, for as long as it runs.
//
// Events (inotify, systemd's signals, Docker's event stream, a timer) are
// hints: every one ends in the same look at the whole host and, where that finds
// drift, in the same transaction that apply uses. It guarantees that nothing is
// done that disturbs more than the configuration allows; that what another program
// keeps changing is left to them after a while, and said so; that a file which
// another program is still writing is not touched; and that a configuration of ours
// which was lost, or has lost what it asked for, un-manages nothing. It never
// gives up: what fails is tried again, more and more seldom.
//
// Looking at containers that start is detection, not prevention: a container
// has run by the time it is looked at.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/watch"
)

// Daemon is one daemon. All fields but Now are needed; a channel may be nil.
type Daemon struct {
	Host *provision.Provisioner
	// Changes gives hints that docker.service may have changed, until its
	// context ends.
	Changes func(context.Context) <-chan struct{}
	// Reload asks for the configuration to be read again, and for a look.
	Reload <-chan os.Signal
	// Ready is called once everything is watched, Reloading when Reload was
	// heard and Ready again when it is done, Alive while the loop goes round.
	Ready, Reloading, Alive func()
	// AliveEvery is how often Alive is called; 0 is never.
	AliveEvery time.Duration
	// Tell is told what has happened. It is called by one goroutine.
	Tell func(Notice)
	// Publish is given the status whenever it has changed. It is called by one
	// goroutine.
	Publish func(Status)
	// Configured is given the configuration whenever it was read. It is called by
	// the goroutine of Publish.
	Configured func(config.Config)
	// Measure is told how long something took.
	Measure func(Measure, time.Duration)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Measure is what takes time.
type Measure string

// What is measured.
const (
	LookTook   Measure = "look"   // a look that found nothing to do
	RepairTook Measure = "repair" // from the hint until the host matches the configuration again
	StartTook  Measure = "start"  // from a container's start to its verdict
)

// Run keeps the host until ctx ends, and then ends the step in hand. Its error
// is one of starting to watch, or that a directory of our own was removed.
func (d *Daemon) Run(ctx context.Context) error {
	if d.Now == nil {
		d.Now = time.Now
	}
	watcher, err := watch.New()
	if err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	return errors.Join(newLoop(d, watcher).run(ctx), watcher.Close())
}
