package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/watch"
)

const (
	// stuckAfter is how long a round may last before the loop is not alive any
	// more: the limits of all that it waits for are far below.
	stuckAfter = 30 * time.Minute
	// publishEvery is how far apart statuses are, unless something has happened.
	publishEvery = 250 * time.Millisecond
	// recheckEvery is how often the files are compared with what they were like when
	// something failed: chattr(1), for one, gives no hint.
	recheckEvery = 5 * time.Second
	// firstLook is when the host is looked at again should the first look not say
	// when: it is begun without the timer.
	firstLook = time.Minute
)

// loop hears the hints and tells what came of them. It alone touches its fields;
// a round, and a look at containers, run beside it, one of each.
type loop struct {
	*Daemon
	watcher    *watch.Watcher
	rounds     *rounds
	containers containers
	status     Status
	repeats    repeats
	standing   map[Kind]string // what goes on, as it was last told

	due         cause
	busy        bool
	began       time.Time // of the round under way
	done        chan *outcome
	timer       *time.Timer
	recheck     *time.Timer // while something fails: for what changes without a hint
	units       chan host.Unit
	unit        host.Unit
	lastOutcome *outcome // that looked at the host
	roundCause  cause    // of the round under way
	stream      stream
	// reloaded is when dockerd last read its configuration.
	reloaded time.Time

	changed   bool // since the status was published
	published time.Time
	publish   *time.Timer
}

func newLoop(d *Daemon, w *watch.Watcher) *loop {
	l := &loop{
		Daemon: d, watcher: w, rounds: newRounds(d),
		standing: map[Kind]string{},
		done:     make(chan *outcome, 1),
		units:    make(chan host.Unit, 1),
		timer:    time.NewTimer(firstLook),
		recheck:  time.NewTimer(recheckEvery),
		publish:  time.NewTimer(publishEvery),
	}
	l.containers.init(d)
	l.status = Status{
		SchemaVersion: SchemaVersion, State: StateStarting, Line: string(StateStarting) + ": the first look",
		PID: os.Getpid(), PIDStart: startOf(os.Getpid()), Started: d.Now(), Docker: "not looked at yet",
		Counts: Counts{Drifts: map[string]uint64{}, Repairs: map[string]uint64{}},
	}
	return l
}

// startOf is when a process of this host was started, in clock ticks since boot
// (proc(5), /proc/pid/stat), or 0.
func startOf(pid int) uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text[max(strings.LastIndex(string(text), ")"), 0):]), " ")
	fields := strings.Fields(after)
	const starttime = 22 - 3 // fields are counted from 1, and three are before
	if len(fields) <= starttime {
		return 0
	}
	start, _ := strconv.ParseUint(fields[starttime], 10, 64)
	return start
}

// Runs reports whether the daemon of s is still there.
func Runs(s Status) bool { return s.PIDStart != 0 && startOf(s.PID) == s.PIDStart }

// errRemoved says that a directory of our own is gone. In a hardened unit only
// systemd can make it again, when it starts us.
var errRemoved = errors.New("it was removed, and is made again when the daemon is started")

// run goes round until ctx ends, or until it has no place to work in.
func (l *loop) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.tell(Notice{Kind: Started, Text: "keeping the host as configured"})
	changes := make(<-chan struct{})
	if l.Changes != nil {
		changes = l.Changes(ctx)
	}
	go l.hearUnits(ctx, changes)
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
			// Which, and whether some were lost, is all the same: what they were seen
			// like last is compared for all of them.
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
			for _, dir := range []string{l.Host.Paths.State, l.Host.Paths.Run} {
				if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
					cancel()
					l.end()
					return fmt.Errorf("%s: %w", dir, errRemoved)
				}
			}
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

// isStuck reports whether the round under way takes so long that it will not end.
func (l *loop) isStuck() bool { return l.busy && l.Now().Sub(l.began) >= stuckAfter }

// begin starts what is due.
func (l *loop) begin(ctx context.Context) {
	if l.due != 0 && !l.busy {
		l.roundCause, l.due, l.busy, l.began = l.due, 0, true, l.Now()
		why := l.roundCause
		go func() { l.done <- l.rounds.run(ctx, why) }()
	}
	if l.lastOutcome != nil && l.lastOutcome.observed.Engine != nil {
		l.containers.begin(ctx, l.lastOutcome)
	}
}

// end waits for what is under way: a step in hand is finished or undone.
func (l *loop) end() {
	l.stream.close()
	if l.busy {
		<-l.done
	}
	l.rounds.fetches.close()
	l.containers.end()
	l.tell(Notice{Kind: Stopping, Text: "the host is left as it is"})
}

// hearUnits asks for docker.service after each hint.
func (l *loop) hearUnits(ctx context.Context, changes <-chan struct{}) {
	for range changes {
		unit, err := l.Host.Docker(ctx)
		if err != nil {
			unit = host.Unit{} // the look says what is wrong
		}
		select {
		case <-l.units: // superseded
		default:
		}
		l.units <- unit
	}
}

// heardUnit ends the stream of events when Docker stops: dockerd waits for
// those who listen (26.1: 5 s).
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
	if err := l.watcher.Watch(t.all()); err != nil {
		l.tellOnce(Notice{Kind: Watching, Text: "files cannot be watched, so that drift is noticed by the timer only: " + err.Error(), Fields: map[string]string{fieldWhy: err.Error()}})
	} else {
		delete(l.standing, Watching)
	}
}

// finishRound takes in what came of a round.
func (l *loop) finishRound(ctx context.Context, out *outcome) {
	l.busy = false
	now := l.Now()
	if l.Host.Log != nil {
		l.Host.Log.Debug("round", zap.Int("why", int(l.roundCause)), zap.Bool("nothing_new", out.nothingNew), zap.Error(out.err))
	}
	if l.roundCause&becauseAsked != 0 {
		l.Ready()
		l.tell(Notice{Kind: Reloaded, Text: "the configuration was read again"})
	}
	if out.nothingNew {
		return
	}
	if out.unpacked {
		// That took more than the rest of the year will.
		go debug.FreeOSMemory()
	}
	l.watch(out.targets)
	l.timer.Reset(out.next)
	if l.roundCause&becauseDockerd != 0 && len(out.drifts) == 0 && out.err == nil {
		// dockerd gives those who ask at once one answer, which may be from before
		// the reload that it has told of (26.1).
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
	}
	if e := out.observed.Engine; e != nil && out.err == nil && l.stream.events == nil {
		l.stream.open(ctx, &l.Host.Host, out.observed)
		l.containers.lookAtAll = true
	}
	if out.unit.LoadState != "" && !out.unit.Running() {
		l.containers.forget()
	}
	if l.roundCause&becauseTimer != 0 {
		l.containers.lookAtAll = true
	}
	l.heardReload(l.reloaded)
}
