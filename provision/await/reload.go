package await

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/dockerlog"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
)

const (
	// pendingTimeouts is how many timeouts a reload may take. dockerd searches for each of its
	// authorization plugins for 15 s (moby pkg/plugins), and runs each runtime (from 25.0 on).
	pendingTimeouts = 4
	// staleCheckInterval is the time between two checks whether another program has changed
	// daemon.json.
	staleCheckInterval = 100 * time.Millisecond
	// lookInterval is the time between two looks at dockerd's process and log. A reload that
	// dockerd takes is over long before the first.
	lookInterval = time.Second
)

// Outcome is what became of a reload.
type Outcome int

const (
	// Unknown: dockerd may still be at it.
	Unknown Outcome = iota
	// Taken: dockerd says that it has taken daemon.json.
	Taken
	// Refused: dockerd says that it has not, and runs as before. Its settings may be right all
	// the same, from an earlier reload. But its next start will fail on the file.
	Refused
	// Ended: dockerd's process has ended.
	Ended
	// NoEvents: dockerd answers, but reports no events. The settings that it shows have to do.
	NoEvents
)

// Reload is one SIGHUP for dockerd.
type Reload struct {
	Unit  host.Unit // docker.service before it
	Flags commandline.Flags
	Sent  time.Time // not later than the signal
}

// ReloadWatch waits for the outcome of a Reload.
type ReloadWatch struct {
	dockerd Dockerd
	reload  Reload
	client  host.Engine
	ctx     context.Context
	cancel  context.CancelFunc
	events  <-chan engine.Event
	ended   <-chan error
}

// WatchReload subscribes to dockerd's events, those since r.Sent included. Close the watch.
func (d Dockerd) WatchReload(ctx context.Context, r Reload) (*ReloadWatch, error) {
	client, err := d.Dial(r.Flags)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pendingTimeouts*d.Timeout)
	w := &ReloadWatch{dockerd: d, reload: r, client: client, ctx: ctx, cancel: cancel}
	w.events, w.ended = client.Events(ctx, r.Sent)
	return w, nil
}

// Close ends the subscription.
func (w *ReloadWatch) Close() {
	w.cancel()
	w.client.Close()
}

// Wait returns what became of the reload. dockerd sends an event only after it has taken
// its configuration (moby daemon/reload.go); systemd says "reloaded" in any case. The error
// is nil if the outcome is Taken or NoEvents.
//
// The outcome stays Unknown if stale returns an error (another program's text may be what
// dockerd refuses), if the context is canceled, or after four times the timeout.
func (w *ReloadWatch) Wait(stale func() error) (Outcome, error) {
	staleCheck, look := time.NewTicker(staleCheckInterval), time.NewTicker(lookInterval)
	defer staleCheck.Stop()
	defer look.Stop()
	for again := true; ; {
		select {
		case event, open := <-w.events:
			switch {
			case event.Type == "daemon" && event.Action == "reload":
				return Taken, nil
			case open:
				continue
			}
			err := <-w.ended
			switch {
			case w.ctx.Err() != nil:
				return Unknown, w.timeoutError()
			case w.dockerd.Ended(w.ctx, w.reload.Unit):
				return Ended, errEnded
			case !again:
				w.dockerd.Logger().Debug("no events from dockerd", zap.Error(err))
				return NoEvents, nil
			}
			again = false
			w.events, w.ended = w.client.Events(w.ctx, w.reload.Sent)
		case <-staleCheck.C:
			if err := stale(); err != nil {
				return Unknown, err
			}
		case <-look.C:
			if w.dockerd.Ended(w.ctx, w.reload.Unit) {
				return Ended, errEnded
			}
			if dockerlog.RefusedReload(w.ctx, w.dockerd.Host, w.reload.Sent) {
				return Refused, errRefused
			}
		case <-w.ctx.Done():
			return Unknown, w.timeoutError()
		}
	}
}

var (
	errRefused = fmt.Errorf("dockerd did not take the change: it refused to read daemon.json (journalctl -u %s says why)", host.DockerUnit)
	errEnded   = fmt.Errorf("dockerd ended while it read daemon.json again (journalctl -u %s says why)", host.DockerUnit)
)

// ErrPending says that the outcome of a reload was awaited for as long as it may take.
var ErrPending = errors.New("dockerd has neither taken nor refused daemon.json")

func (w *ReloadWatch) timeoutError() error {
	if errors.Is(context.Cause(w.ctx), context.Canceled) {
		return fmt.Errorf("wait for dockerd to reload: %w", context.Canceled)
	}
	return fmt.Errorf("%w within %s (journalctl -u %s may say why)", ErrPending, pendingTimeouts*w.dockerd.Timeout, host.DockerUnit)
}
