package daemon

import (
	"context"
	"time"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
)

// stream is an open stream of Docker's events. The zero stream is closed, and its
// channel blocks forever.
type stream struct {
	events     <-chan engine.Event
	invocation string // of docker.service
	cancel     context.CancelFunc
}

// open listens to the dockerd of o, and hears what happened since the look that saw it
// began: no reload and no container is lost between the two. A dockerd that does not answer
// blocks only the goroutine of the stream.
func (s *stream) open(ctx context.Context, host *host.Host, o host.Observed, since time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	heard := make(chan engine.Event)
	*s = stream{events: heard, invocation: o.Unit.InvocationID, cancel: cancel}
	go func() {
		defer close(heard)
		events, _, err := host.Events(ctx, o, since)
		if err != nil {
			return // then the loop opens another one
		}
		for e := range events {
			select {
			case heard <- e:
			case <-ctx.Done():
			}
		}
	}()
}

func (s *stream) close() {
	if s.cancel != nil {
		s.cancel()
	}
	*s = stream{}
}

// listenAgainAfter is how long after the end of a stream the loop opens another.
const listenAgainAfter = time.Second

// heardReload makes a look due if dockerd has read its configuration since the last
// look. A reload by this program comes before the look that confirms it.
func (l *loop) heardReload(at time.Time) {
	l.reloaded = at
	if !l.busy && l.lastOutcome != nil && at.After(l.lastOutcome.lookBegan) {
		l.due |= becauseDockerd
		l.reloaded = time.Time{}
	}
}

// heardEvent handles one event, or the end of the stream.
func (l *loop) heardEvent(e engine.Event, open bool) {
	switch {
	case !open:
		l.stream.close()
		// If Docker still runs, the next look opens it again.
		l.timer.Reset(listenAgainAfter)
	case e.Type == "daemon" && e.Action == "reload":
		l.heardReload(e.Time)
	case e.Type == engine.EventLost:
		l.containers.lookAtAll = true
	case e.Type == "container" && e.Action == "create":
		l.brief.create(e.ID)
	case e.Type == "container" && e.Action == "destroy":
		l.brief.remove(e.ID)
	case e.Type == "container" && e.Action == "start":
		l.containers.started(e.ID, l.Now())
	case e.Type == "container" && e.Action == "die":
		if l.containers.died(e.ID) {
			l.endedUnseen(e.ID)
		}
		l.changed = true
	}
}
