package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemon"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/metrics"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/systemd"
)

func newDaemon(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "daemon",
		Short: "Keep the host at its configuration: notice drift, repair it, report it",
		Long: `daemon makes the host match its configuration and keeps it that way. It notices
within milliseconds when daemon.json, the release, the link or dockerd's settings
change, and changes them back as far as [enforce] max_disruption allows. If another
program keeps changing a setting, the daemon leaves that setting alone after a
while and reports it. It looks at every container that starts, from the host.

Let systemd run it:

  sudo systemctl enable --now runsc-provisioner

On SIGHUP (systemctl reload) it reads the configuration again. To see what it
knows, run "runsc-provisioner status".`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.euid != 0 {
				return errNotRoot
			}
			return a.daemon(cmd.Context())
		},
	}
}

func (a *app) daemon(ctx context.Context) error {
	// Its rounds read the configuration again, and report its errors.
	_, _, _ = a.inEffect()
	pr, done, err := a.host(ctx)
	if err != nil {
		return err
	}
	defer done()
	units := pr.Units.(unitsCloser)
	pr.ProveOutside = func(ctx context.Context, s steps.Prove) (string, error) {
		return pr.Prover().ProveInOtherProcess(ctx, s, units.RunPrivileged)
	}
	if err := durable.MkdirAll(a.paths.Run, 0o755); err != nil {
		return err
	}
	// Something else in place of these files could not be replaced, or not be locked. Nothing in this
	// directory outlives a boot.
	for _, path := range []string{statusPath(a), filepath.Join(a.paths.Run, state.DaemonLockName)} {
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	// A second daemon would replace the status of the first, and remove it at its end.
	unlock, err := state.LockDaemon(ctx, a.paths.Run)
	if err != nil {
		return err
	}
	defer func() { _ = unlock() }()
	if s, err := readStatus(statusPath(a)); err == nil && daemon.Runs(s) {
		return fmt.Errorf("%w: process %d", state.ErrDaemonRuns, s.PID) // its lock was removed
	}
	every, on, err := systemd.WatchdogEvery()
	if err != nil {
		return err
	}
	if !on {
		every = 0
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	notices := a.newDaemonLog()
	defer notices.close()
	publisher := newStatusPublisher(a, notices.log)
	defer publisher.close()
	d := daemon.Daemon{
		Host: pr,
		Changes: func(ctx context.Context) <-chan struct{} {
			return units.Changes(ctx, host.DockerUnit)
		},
		Reload:     hup,
		Ready:      func() { notices.notify(systemd.Ready) },
		Reloading:  func() { notices.notify(systemd.Reloading) },
		Alive:      func() { notices.notify(systemd.Watchdog) },
		AliveEvery: every,
		Tell:       notices.write,
		Publish: func(s status.Status) {
			notices.notify(systemd.Status(printable(s.Public())))
			publisher.publish(s)
		},
		Measure:    publisher.metrics.Measure,
		Configured: publisher.configure,
	}
	err = d.Run(ctx)
	notices.notify(systemd.Stopping)
	if errors.Is(err, daemon.ErrMoved) {
		notices.log.Info(err.Error())
		return nil // no failure: systemd starts it again (Restart=always)
	}
	return err
}

// statusPublisher publishes the status and the metrics.
type statusPublisher struct {
	app     *app
	log     *zap.Logger
	metrics *metrics.Metrics
	config  config.Metrics
	stop    func() // listening

	mu   sync.Mutex  // guards the fields below
	dir  string      // of the textfile; "" if none is written
	next *time.Timer // until the next write; nil if none is due
}

// textfileEvery is how late the textfile may show a change. Prometheus scrapes
// node_exporter about every 15 s.
const textfileEvery = 5 * time.Second

func newStatusPublisher(a *app, log *zap.Logger) *statusPublisher {
	return &statusPublisher{app: a, log: log, metrics: metrics.New(version()), stop: func() {}}
}

func statusPath(a *app) string { return filepath.Join(a.paths.Run, "status.json") }

func (s *statusPublisher) publish(status status.Status) {
	s.metrics.Publish(status)
	text, err := json.MarshalIndent(status, "", "  ")
	if err == nil {
		// For root only, because it names containers.
		err = durable.WriteFile(statusPath(s.app), append(text, '\n'), durable.Plain(0o600))
	}
	if err != nil {
		s.log.Warn("write status", zap.Error(err))
	}
	s.scheduleTextfile(textfileEvery)
}

// scheduleTextfile schedules a write of the metrics, unless one is due already.
func (s *statusPublisher) scheduleTextfile(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" || s.next != nil {
		return
	}
	s.next = time.AfterFunc(after, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.next = nil
		if s.dir == "" {
			return
		}
		if err := s.metrics.WriteFile(s.dir); err != nil {
			s.log.Warn("write metrics", zap.Error(err))
		}
	})
}

// setTextfileDir changes the directory of the metrics; "" writes none. It removes the
// old file, because a reader would take it for current.
func (s *statusPublisher) setTextfileDir(dir string) {
	s.mu.Lock()
	before := s.dir
	s.dir = dir
	s.mu.Unlock()
	if before != "" && before != dir {
		_ = os.Remove(filepath.Join(before, metrics.FileName))
	}
	s.scheduleTextfile(0)
}

// configure applies the configuration of the metrics.
func (s *statusPublisher) configure(c config.Config) {
	if c.Metrics == s.config {
		return
	}
	before := s.config
	s.config = c.Metrics
	s.setTextfileDir(c.Metrics.Textfile)
	if before.Listen == c.Metrics.Listen {
		return
	}
	s.stop()
	s.stop = func() {}
	if c.Metrics.Listen == "" {
		return
	}
	stop, err := s.metrics.Serve(c.Metrics.Listen)
	if err != nil {
		s.log.Warn("serve metrics", zap.Error(err))
		s.config.Listen = "" // so that the next reading of the configuration tries again
		return
	}
	s.stop = stop
}

func (s *statusPublisher) close() {
	s.stop()
	s.setTextfileDir("")
	_ = os.Remove(statusPath(s.app)) // no process updates it now
}
