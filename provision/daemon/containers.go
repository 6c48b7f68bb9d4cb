package daemon

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/verify"
)

const (
	// looksEvery is the time between two looks at containers that start. One look
	// covers all that started in between.
	looksEvery = 200 * time.Millisecond
	// maxTries is how often we look at a container that cannot be judged.
	maxTries = 4
	// maxStops is how many containers are stopped at once. Each may take a second.
	maxStops = 16
	// maxStrays is how many containers a Status names.
	maxStrays = 50
)

// containers are the running containers that were looked at.
type containers struct {
	daemon    *Daemon
	judged    map[string]finding
	pending   map[string]start
	lookAtAll bool // the next look covers all of them
	sawAll    bool // a look has covered all of them
	busy      bool
	// outdated is true if Docker stopped during the current look.
	outdated bool
	failed   int             // looks in a row that failed
	gone     map[string]bool // during the current look
	done     chan *lookResult
	timer    *time.Timer
	ready    bool // the pause between two looks is over

	notStarted []host.NotStarted // by the last look at all containers

	stopped chan finding  // the result of stopping one
	turns   chan struct{} // limits how many are stopped at once
	stops   sync.WaitGroup
}

// start is a container that has started and is not judged yet.
type start struct {
	at    time.Time
	tries int
}

// lookResult is the result of one look.
type lookResult struct {
	all      bool
	ids      []string // of the containers to look at, unless lookAtAll
	starts   map[string]start
	findings []finding
	observed host.Observed // by the last look of the host
	err      error

	notStarted    []host.NotStarted // by a look at all containers
	notStartedErr error
}

func (c *containers) init(d *Daemon) {
	c.daemon = d
	c.judged, c.pending = map[string]finding{}, map[string]start{}
	c.done = make(chan *lookResult, 1)
	c.timer = time.NewTimer(0)
	c.stopped, c.turns = make(chan finding), make(chan struct{}, maxStops)
}

func (c *containers) started(id string, now time.Time) {
	c.pending[id] = start{at: now}
	c.notStarted = slices.DeleteFunc(c.notStarted, func(n host.NotStarted) bool { return n.ID == id })
}

// died drops a container that has ended. unseen is true if it had started, and no look at it
// has begun since.
func (c *containers) died(id string) (unseen bool) {
	_, unseen = c.pending[id]
	delete(c.judged, id)
	delete(c.pending, id)
	if c.busy {
		c.gone[id] = true
	}
	return unseen
}

// forget drops all containers, because Docker has stopped.
func (c *containers) forget() {
	clear(c.judged)
	clear(c.pending)
	c.notStarted = nil
	c.sawAll, c.failed, c.outdated = false, 0, c.busy
}

// begin starts a look at the containers that have started, or at all.
func (c *containers) begin(ctx context.Context, last *outcome) {
	if c.busy || !c.ready || !c.lookAtAll && len(c.pending) == 0 {
		return
	}
	look := look{host: &c.daemon.Host.Host, config: last.config.Config, whole: c.sawAll,
		lookResult: &lookResult{observed: last.observed, all: c.lookAtAll, ids: slices.Sorted(maps.Keys(c.pending)), starts: maps.Clone(c.pending)}, judged: maps.Clone(c.judged)}
	c.busy, c.lookAtAll, c.ready, c.gone = true, false, false, map[string]bool{}
	clear(c.pending)
	go func() { c.done <- look.run(ctx) }()
}

// end waits for the current look and stops, after their context has ended.
func (c *containers) end() {
	if c.busy {
		<-c.done
	}
	c.stops.Wait()
}

// stop stops a container in a goroutine.
func (c *containers) stop(ctx context.Context, o host.Observed, f finding) {
	c.stops.Go(func() {
		select {
		case c.turns <- struct{}{}:
		case <-ctx.Done():
			return
		}
		f.err = c.daemon.Host.StopContainer(ctx, o, f.verdict.Container.ID)
		<-c.turns
		select {
		case c.stopped <- f:
		case <-ctx.Done():
		}
	})
}

// count sums up the containers for a Status.
func (c *containers) count() status.Containers {
	n := status.Containers{Known: c.sawAll}
	var strays []status.Outside
	for _, f := range c.judged {
		switch f.verdict.State {
		case verify.Sandboxed:
			n.Sandboxed++
		case verify.NotSandboxed:
			n.Outside++
		default:
			n.Unknown++
		}
		if f.stray {
			strays = append(strays, f.outside())
		}
	}
	slices.SortFunc(strays, func(a, b status.Outside) int { return cmp.Compare(a.ID, b.ID) })
	n.Strays = strays[:min(len(strays), maxStrays)]
	n.NotStarted = slices.Clone(c.notStarted)
	return n
}

// finishLook records the result of a look, and reports it.
func (l *loop) finishLook(ctx context.Context, s *lookResult) {
	c := &l.containers
	c.busy = false
	c.timer.Reset(looksEvery)
	l.changed = true
	if c.outdated {
		c.outdated = false
		return // the next look covers all, when Docker is back
	}
	l.judgeUnfound(s)
	if s.err != nil {
		// If Docker has stopped, the next look covers all.
		c.again(s)
		if c.failed++; c.failed == maxTries {
			l.tell(status.Notice{Kind: status.Unjudged, Text: "containers cannot be checked: " + s.err.Error(), Fields: map[string]string{status.FieldWhy: s.err.Error()}})
		}
		return
	}
	c.failed = 0
	if s.all {
		clear(c.judged)
		c.sawAll = true
		l.finishNotStarted(s)
	}
	for _, f := range s.findings {
		id := f.verdict.Container.ID
		if f.mustStop {
			c.stop(ctx, s.observed, f)
		}
		if c.gone[id] {
			l.tellFinding(f)
			continue
		}
		c.judged[id] = f
		if f.verdict.State == verify.Unknown && s.starts[id].tries+1 < maxTries {
			c.pending[id] = start{at: s.starts[id].at, tries: s.starts[id].tries + 1}
			continue
		}
		if f.verdict.Container.Unread != nil && !f.unreadTold {
			f.unreadTold = true
			c.judged[id] = f
			l.tellUnjudged(f)
		}
		l.tellFinding(f)
	}
}

// judgeUnfound judges the containers that have ended before the look at them.
func (l *loop) judgeUnfound(s *lookResult) {
	for id := range s.starts {
		found := slices.ContainsFunc(s.findings, func(f finding) bool { return f.verdict.Container.ID == id })
		if l.containers.gone[id] && !found {
			l.endedUnseen(id)
		}
	}
}

// tellUnjudged reports a container that dockerd cannot describe. Nothing else shows
// its runtime (the list of containers does not), so it is not stopped: it may be in
// a sandbox.
func (l *loop) tellUnjudged(f finding) {
	o := f.outside()
	l.tell(status.Notice{Kind: status.Unjudged, Text: fmt.Sprintf("the sandbox state of container %.12s (%q) could not be determined: %s", o.ID, o.Name, o.Why), Fields: fieldsOf(o)})
}

// again puts back the containers that could not be looked at.
func (c *containers) again(s *lookResult) {
	c.lookAtAll = c.lookAtAll || s.all
	for _, id := range s.ids {
		if st := s.starts[id]; st.tries+1 < maxTries && !c.gone[id] {
			c.pending[id] = start{at: st.at, tries: st.tries + 1}
		}
	}
}

// tellFinding reports a container that has started outside a sandbox.
func (l *loop) tellFinding(f finding) {
	if !f.at.IsZero() {
		l.Measure(StartTook, l.Now().Sub(f.at))
	}
	if !f.stray || !f.isNew {
		return
	}
	l.status.Counts.Unsandboxed++
	o := f.outside()
	l.tell(status.Notice{Kind: status.Unsandboxed, Text: fmt.Sprintf("container %.12s (%q, image %q) runs outside a sandbox: %s", o.ID, o.Name, o.Image, o.Why), Fields: fieldsOf(o)})
	if f.err != nil {
		l.tellStopped(f)
	}
}

// tellStopped reports the result of stopping a container.
func (l *loop) tellStopped(f finding) {
	o := f.outside()
	n := status.Notice{Kind: status.Stopped, Text: fmt.Sprintf("container %.12s (%q) was stopped: it ran outside a sandbox", o.ID, o.Name), Fields: fieldsOf(o)}
	if f.err != nil {
		n.Kind, n.Text = status.Failed, fmt.Sprintf("container %.12s (%q) runs outside a sandbox: %v", o.ID, o.Name, f.err)
	} else {
		l.status.Counts.Stopped++
	}
	l.changed = true
	l.tell(n)
}

func fieldsOf(o status.Outside) map[string]string {
	return map[string]string{status.FieldContainer: o.ID, status.FieldName: o.Name, status.FieldImage: o.Image, status.FieldRuntime: o.Runtime, status.FieldWhy: o.Why}
}
