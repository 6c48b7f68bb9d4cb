package main

import (
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemon"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/metrics"
	"runsc-provisioner/systemd"
)

func newDaemon(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "daemon",
		Short: "Keep the host as wanted: notice drift, repair it, and say so",
		Long: `daemon makes the host as its configuration says and keeps it so: it notices within
milliseconds when daemon.json, the release, the link or what Docker runs with is
changed, and changes it back, as far as [enforce] max_disruption allows. What
somebody else keeps changing is left alone after a while, and said so. Every
container that starts is looked at from the host.

It is meant to be run by systemd:

  sudo systemctl enable --now runsc-provisioner

SIGHUP (systemctl reload) reads the configuration again. What it knows is shown
by "runsc-provisioner status".`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.euid != 0 {
				return errNotRoot
			}
			return a.daemon(cmd.Context())
		},
	}
}

func (a *app) daemon(ctx context.Context) error {
	h, done, err := a.host(ctx)
	if err != nil {
		return err
	}
	defer done()
	units := h.Units.(unitsCloser)
	h.Outside = func(ctx context.Context, s provision.Prove) (string, error) {
		return h.Prover().ProveOutside(ctx, s, units.RunAside)
	}
	if err := durable.MkdirAll(a.paths.Run, 0o755); err != nil {
		return err
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
	teller := a.newTeller()
	defer teller.close()
	shown := newShowing(a, teller.log)
	defer shown.end()
	d := daemon.Daemon{
		Host: h,
		Changes: func(ctx context.Context) <-chan struct{} {
			return units.Changes(ctx, host.DockerUnit)
		},
		Reload:     hup,
		Ready:      func() { teller.notify(systemd.Ready) },
		Reloading:  func() { teller.notify(systemd.Reloading) },
		Alive:      func() { teller.notify(systemd.Watchdog) },
		AliveEvery: every,
		Tell:       teller.tell,
		Publish: func(s daemon.Status) {
			teller.notify(systemd.Status(printable(s.Line)))
			shown.publish(s)
		},
		Measure:    shown.metrics.Measure,
		Configured: shown.configure,
	}
	err = d.Run(ctx)
	teller.notify(systemd.Stopping)
	return err
}

// showing is where the status and the metrics go.
type showing struct {
	app     *app
	log     *zap.Logger
	metrics *metrics.Metrics
	config  config.Metrics
	stop    func() // listening

	mu   sync.Mutex  // of what follows
	dir  string      // of the textfile; "" while none is written
	next *time.Timer // until it is written again; nil while that is not due
}

// textfileEvery is how long a change may wait for the textfile:
// node_exporter is scraped every 15 s or so.
const textfileEvery = 5 * time.Second

func newShowing(a *app, log *zap.Logger) *showing {
	return &showing{app: a, log: log, metrics: metrics.New(version()), stop: func() {}}
}

func statusPath(a *app) string { return filepath.Join(a.paths.Run, "status.json") }

func (s *showing) publish(status daemon.Status) {
	s.metrics.Publish(status)
	text, err := json.MarshalIndent(status, "", "  ")
	if err == nil {
		// For root only: it names containers.
		err = durable.WriteFile(statusPath(s.app), append(text, '\n'), durable.Plain(0o600))
	}
	if err != nil {
		s.log.Warn("status not written", zap.Error(err))
	}
	s.textfile(textfileEvery)
}

// textfile has the metrics written, unless that is due already.
func (s *showing) textfile(after time.Duration) {
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
			s.log.Warn("metrics not written", zap.Error(err))
		}
	})
}

// textfileIn has the metrics written into another directory, or none. What
// stayed in the one before would be taken for today's.
func (s *showing) textfileIn(dir string) {
	s.mu.Lock()
	before := s.dir
	s.dir = dir
	s.mu.Unlock()
	if before != "" && before != dir {
		_ = os.Remove(filepath.Join(before, metrics.FileName))
	}
	s.textfile(0)
}

// configure takes in where metrics are to go.
func (s *showing) configure(c config.Config) {
	if c.Metrics == s.config {
		return
	}
	before := s.config
	s.config = c.Metrics
	s.textfileIn(c.Metrics.Textfile)
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
		s.log.Warn("metrics not served", zap.Error(err))
		s.config.Listen = "" // tried again when the configuration is read again
		return
	}
	s.stop = stop
}

func (s *showing) end() {
	s.stop()
	s.textfileIn("")
	_ = os.Remove(statusPath(s.app)) // nobody keeps it true any more
}
