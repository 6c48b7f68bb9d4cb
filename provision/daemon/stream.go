package daemon

import (
	"context"
	"time"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
)

// stream is Docker's stream of events while it is listened to. The zero stream
// is none, and its channel never gives anything.
type stream struct {
	events     <-chan engine.Event
	invocation string // of docker.service
	cancel     context.CancelFunc
}

// open listens to the dockerd of o. A dockerd that does not answer keeps nobody
// but the goroutine of the stream waiting.
func (s *stream) open(ctx context.Context, host *host.Host, o host.Observed) {
	ctx, cancel := context.WithCancel(ctx)
	heard := make(chan engine.Event)
	*s = stream{events: heard, invocation: o.Unit.InvocationID, cancel: cancel}
	go func() {
		defer close(heard)
		events, _, err := host.Events(ctx, o)
		if err != nil {
			return // and then another one is begun
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

// listenAgainAfter is how long after the end of a stream another one is begun.
const listenAgainAfter = time.Second

// heardReload has the host looked at if dockerd has read its configuration since
// the last look: a reload of our own comes before the look that confirms it.
func (l *loop) heardReload(at time.Time) {
	l.reloaded = at
	if !l.busy && l.lastOutcome != nil && at.After(l.lastOutcome.lookBegan) {
		l.due |= becauseDockerd
		l.reloaded = time.Time{}
	}
}

// heardEvent takes in one event, or the end of the stream.
func (l *loop) heardEvent(e engine.Event, open bool) {
	switch {
	case !open:
		l.stream.close()
		// If Docker is still there, the next look listens again.
		l.timer.Reset(listenAgainAfter)
	case e.Type == "daemon" && e.Action == "reload":
		l.heardReload(e.Time)
	case e.Type == engine.EventLost:
		l.containers.lookAtAll = true
	case e.Type == "container" && e.Action == "start":
		l.containers.started(e.ID, l.Now())
	case e.Type == "container" && e.Action == "die":
		l.containers.died(e.ID)
		l.changed = true
	}
}
