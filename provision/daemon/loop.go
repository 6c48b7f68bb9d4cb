package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/process"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/provision/watch"
)

const (
	// stuckAfter is how long a round may last before the loop counts as stuck. The
	// limits of everything that it waits for are far below.
	stuckAfter = 30 * time.Minute
	// publishEvery is the least time between two statuses.
	publishEvery = 250 * time.Millisecond
	// recheckEvery is how often the files are compared with their state when
	// something failed: chattr(1), for example, gives no hint.
	recheckEvery = 5 * time.Second
	// firstLook is the time until the second look, unless the first one, which needs
	// no timer, sets another.
	firstLook = time.Minute
)

// loop receives the hints and reports the results. Only its goroutine touches its
// fields. At most one round and one look at containers run at the same time.
type loop struct {
	*Daemon
	watcher    *watch.Watcher
	rounds     *rounds
	containers containers
	brief      brief
	names      nameKeeping
	status     status.Status
	repeats    status.Repeats
	standing   map[status.Kind]string // conditions that last, by the text of their last notice

	due         cause
	busy        bool
	began       time.Time // of the current round
	done        chan *outcome
	timer       *time.Timer
	recheck     *time.Timer // while something fails: finds changes that give no hint
	units       chan host.Unit
	unit        host.Unit
	lastOutcome *outcome // the last one that looked at the host
	roundCause  cause    // of the current round
	stream      stream
	// reloaded is when dockerd last read its configuration.
	reloaded time.Time

	changed   bool // since the last published status
	published time.Time
	publish   *time.Timer
}

func newLoop(d *Daemon, w *watch.Watcher) *loop {
	l := &loop{
		Daemon: d, watcher: w, rounds: newRounds(d),
		standing: map[status.Kind]string{},
		done:     make(chan *outcome, 1),
		units:    make(chan host.Unit, 1),
		timer:    time.NewTimer(firstLook),
		recheck:  time.NewTimer(recheckEvery),
		publish:  time.NewTimer(publishEvery),
	}
	l.containers.init(d)
	l.brief.init()
	l.status = status.Status{
		SchemaVersion: status.SchemaVersion, State: status.StateStarting, Line: string(status.StateStarting) + ": before the first look",
		PID: os.Getpid(), PIDStart: process.Start(os.Getpid()), Started: d.Now(), Docker: "not checked yet",
		Counts: status.Counts{Drifts: map[string]uint64{}, Repairs: map[string]uint64{}},
	}
	return l
}

// errRemoved means that a directory of this program is missing. In a hardened unit
// only systemd can create it, when it starts the daemon.
var errRemoved = errors.New("it was removed; a restart of the daemon creates it again")

// ErrMoved means that the configuration has other places than the ones that this process
// started with, or that the store was made since. A hardened unit gets access to them when it
// starts.
var ErrMoved = errors.New("[paths] has changed; a restart of the daemon takes the new places")

// run handles hints until ctx ends, or until a directory of this program is removed.
func (l *loop) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.tell(status.Notice{Kind: status.Started, Text: "enforcing the configuration"})
	changes := make(<-chan struct{})
	if l.Changes != nil {
		changes = l.Changes(ctx)
	}
	go l.hearUnits(ctx, changes)
	l.names.start(ctx)
	l.watch(l.rounds.targets)
	l.publishNow()
	l.Ready()
	var alive <-chan time.Time
	if l.AliveEvery > 0 {
		ticker := time.NewTicker(l.AliveEvery)
		defer ticker.Stop()
		alive = ticker.C
	}
	l.due = becauseTimer
	for {
		l.begin(ctx)
		select {
		case <-ctx.Done():
			l.end()
			return nil
		case <-l.watcher.Hints():
			// It does not matter which files, or whether hints were lost: a round
			// compares the last known state of all files.
			l.due |= becauseFiles
		case unit := <-l.units:
			l.heardUnit(unit)
		case e, open := <-l.stream.events:
			l.heardEvent(e, open)
		case <-l.timer.C:
			l.due |= becauseTimer
		case <-l.rounds.fetches.ended:
			l.due |= becauseFetched
		case <-l.recheck.C:
			if l.status.Error != "" {
				l.due |= becauseFiles
				l.recheck.Reset(recheckEvery)
			}
		case <-l.Reload:
			l.Reloading()
			l.due |= becauseAsked
		case out := <-l.done:
			l.finishRound(ctx, out)
			if out.moved {
				cancel()
				l.end()
				return ErrMoved
			}
			for _, dir := range []string{l.Host.Paths.State, l.Host.Paths.Run} {
				if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
					cancel()
					l.end()
					return fmt.Errorf("%s: %w", dir, errRemoved)
				}
			}
		case answer := <-l.brief.learned:
			l.heardOf(answer)
		case report := <-l.names.reports:
			l.heardNames(report)
		case seen := <-l.containers.done:
			l.finishLook(ctx, seen)
		case f := <-l.containers.stopped:
			l.tellStopped(f)
		case <-l.containers.timer.C:
			l.containers.ready = true
		case <-alive:
			if !l.isStuck() {
				l.Alive()
			}
		case <-l.publish.C:
		}
		l.publishChanges()
	}
}

// isStuck reports whether the current round takes so long that it will not end.
func (l *loop) isStuck() bool { return l.busy && l.Now().Sub(l.began) >= stuckAfter }

// begin starts a round and a look at containers, if they are due.
func (l *loop) begin(ctx context.Context) {
	if l.due != 0 && !l.busy {
		l.roundCause, l.due, l.busy, l.began = l.due, 0, true, l.Now()
		cause := l.roundCause
		go func() { l.done <- l.rounds.run(ctx, cause) }()
	}
	if l.lastOutcome != nil && l.lastOutcome.observed.Engine != nil {
		l.containers.begin(ctx, l.lastOutcome)
		l.beginAsks(ctx, l.lastOutcome)
	}
}

// end waits for the current round, which finishes or undoes its step.
func (l *loop) end() {
	l.stream.close()
	if l.busy {
		<-l.done
	}
	l.rounds.fetches.close()
	l.containers.end()
	l.names.end()
	l.tell(status.Notice{Kind: status.Stopping, Text: "the daemon stops; the host stays as it is"})
}

// hearUnits asks systemd for docker.service after each hint.
func (l *loop) hearUnits(ctx context.Context, changes <-chan struct{}) {
	for range changes {
		unit, err := l.Host.Docker(ctx)
		if err != nil {
			unit = host.Unit{} // the next look reports the error
		}
		select {
		case <-l.units: // superseded
		default:
		}
		l.units <- unit
	}
}

// heardUnit closes the stream of events when Docker stops, because dockerd waits for
// its listeners (26.1: 5 s).
func (l *loop) heardUnit(unit host.Unit) {
	l.unit = unit
	if l.Host.Log != nil {
		l.Host.Log.Debug("unit may have changed", zap.String("state", unit.ActiveState), zap.Bool("listening", l.stream.events != nil))
	}
	if !unit.Running() || l.stream.invocation != "" && unit.InvocationID != l.stream.invocation {
		l.stream.close()
	}
	l.due |= becauseUnit
}

// watch sets what is watched.
func (l *loop) watch(t targets) {
	err := l.watcher.Watch(t.all())
	if l.status.Unwatched = ""; err != nil {
		l.status.Unwatched = err.Error()
		l.tellOnce(status.Notice{Kind: status.Watching, Text: "files cannot be watched, so only the timer notices drift: " + err.Error(), Fields: map[string]string{status.FieldWhy: err.Error()}})
	} else {
		delete(l.standing, status.Watching)
	}
}

// finishRound records the outcome of a round.
func (l *loop) finishRound(ctx context.Context, out *outcome) {
	l.busy = false
	now := l.Now()
	if l.Host.Log != nil {
		l.Host.Log.Debug("round", zap.Int("why", int(l.roundCause)), zap.Bool("nothing_new", out.nothingNew), zap.Error(out.err))
	}
	if l.roundCause&becauseAsked != 0 {
		l.Ready()
		l.tell(status.Notice{Kind: status.Reloaded, Text: "the configuration was read again"})
	}
	if out.nothingNew {
		l.heardReload(l.reloaded) // that round has not asked dockerd
		return
	}
	if out.unpacked {
		// Unpacking peaks far above steady state; return the memory now.
		go debug.FreeOSMemory()
	}
	l.watch(out.targets)
	l.timer.Reset(out.next)
	if l.roundCause&becauseDockerd != 0 && len(out.drifts) == 0 && out.err == nil {
		// dockerd gives simultaneous requests one answer, which may be older than the
		// reload that it has just reported (26.1).
		l.timer.Reset(listenAgainAfter)
	}
	if out.config.wasRead {
		l.Configured(out.config.Config)
	}
	l.record(out, now)
	if ctx.Err() != nil {
		return
	}
	if out.observed.Store != "" {
		l.lastOutcome = out
		l.names.aim(&l.Host.Host, out.config.Config, out.observed)
	}
	if e := out.observed.Engine; e != nil && out.err == nil && l.stream.events == nil {
		l.stream.open(ctx, &l.Host.Host, out.observed, out.lookBegan)
		l.containers.lookAtAll = true
	}
	if out.unit.LoadState != "" && !out.unit.Running() {
		l.containers.forget()
		l.brief.forget()
	}
	// A repair may have brought back a runtime that containers could not start without.
	if l.roundCause&becauseTimer != 0 || len(out.repaired) > 0 {
		l.containers.lookAtAll = true
	}
	l.heardReload(l.reloaded)
}
