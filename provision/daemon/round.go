package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/watch"
)

const (
	// lockWithin is how long a round waits for an apply that is under way before the
	// status says that it does: until then it is what it was before.
	lockWithin = 10 * time.Second
	// idleWriterAfter is how long a file that a program has open for writing is waited
	// for after it was last written.
	idleWriterAfter = time.Minute
	// grace is how long a file may be half-written, or Docker on its way, before
	// that is told.
	grace = 2 * time.Second
)

// cause is why a round is due.
type cause int

const (
	becauseFiles cause = 1 << iota
	becauseUnit
	becauseDockerd // it has read its configuration again
	becauseTimer
	becauseAsked
	becauseFetched // a release has arrived, or could not be had
)

// rounds looks at the host and repairs it, one round at a time.
type rounds struct {
	host *provision.Provisioner // of our own, with hooks
	now  func() time.Time

	config        keptConfig
	appliedConfig []byte // the configuration that the host was last made to be, as JSON
	pace          pace
	retry         retry // of what Docker is disturbed by
	failure       error // that retry is about
	fetches       *fetches
	fetch         retry               // of releases
	fetchHeld     string              // why there is none
	notFetched    plan.InstallRelease // that noFetch is about

	targets     targets
	quietStamps stamps // of the last look that found nothing to do; zero after any other
	stamps      stamps // of the look under way
	unit        host.Unit
	lookBegan   time.Time // when the last look began
	digests     map[string]watch.Stamp
	lookStamps  map[string]watch.Stamp // by the look under way
	writing     struct {               // the file that is being written
		stamp watch.Stamp
		since time.Time
	}
	troubleSince time.Time           // since when the same thing is wrong
	lacks        plan.InstallRelease // by the last look; zero where nothing is lacking

	out *outcome // of the round under way
}

func newRounds(d *Daemon) *rounds {
	host := *d.Host
	r := &rounds{host: &host, now: d.Now, digests: map[string]watch.Stamp{}}
	host.WaitForWriters = watch.Settled
	host.BeforeObserve = r.beforeLook
	host.Suspect = r.mustDigest
	host.Report = r.recordEvent
	r.fetches = newFetches(r.host, d.Now)
	host.TakeFetched = r.fetches.fetched
	host.RecoveryOptions = r.consent
	if record := host.ConfigFiles().Accepted(); record.Found {
		r.appliedConfig = encoded(record.Config)
	}
	r.targets = r.targetsOf(host.Paths.DaemonJSON, config.Config{}, false)
	return r
}

// run is one round.
func (r *rounds) run(ctx context.Context, why cause) *outcome {
	r.out = &outcome{began: r.now(), config: r.config, targets: r.targets, unit: r.unit}
	out := r.out
	if err := r.settle(ctx); err != nil {
		out.err = err
		r.classify(out)
		return out
	}
	if why&^(becauseFiles|becauseUnit) == 0 && !r.hasNews(ctx, why) {
		out.nothingNew = true
		return out
	}
	if why&becauseAsked != 0 {
		r.retry, r.fetch, r.fetchHeld = retry{}, retry{}, ""
		r.pace.items = nil
	}
	r.quietStamps = stamps{}
	out.err = r.convergeLocked(ctx)
	r.classify(out)
	if under, is := r.fetches.underWay(r.lacks); is {
		out.fetching = &under
	}
	out.config, out.targets, out.lookBegan = r.config, r.targets, r.lookBegan
	return out
}

// settle waits until no program writes the files that are about to be read.
func (r *rounds) settle(ctx context.Context) error {
	for _, t := range r.targets.all() {
		if t.Tree || t.Path == r.host.Paths.Link {
			continue
		}
		err := watch.Settled(ctx, t.Path)
		if err == nil {
			continue
		}
		// Who keeps a file open and writes nothing does not keep the host from
		// being repaired.
		now, stamp := r.now(), watch.StampOf([]watch.Target{t})
		if r.writing.stamp != stamp {
			r.writing.stamp, r.writing.since = stamp, now
		}
		if !errors.Is(err, watch.ErrWriting) || now.Sub(r.writing.since) < idleWriterAfter {
			return err
		}
	}
	return nil
}

// hasNews reports whether anything is not as the last look saw it.
func (r *rounds) hasNews(ctx context.Context, why cause) bool {
	if r.quietStamps == (stamps{}) || r.targets.stamps() != r.quietStamps {
		return true
	}
	if why&becauseUnit == 0 {
		return false
	}
	unit, err := r.host.Docker(ctx)
	return err != nil || !reflect.DeepEqual(unit, r.unit)
}

// convergeLocked makes the host match the configuration while it holds the lock.
func (r *rounds) convergeLocked(ctx context.Context) error {
	unlock, err := r.host.Lock(ctx, lockWithin)
	if err != nil {
		return err
	}
	err = r.converge(ctx)
	return errors.Join(err, unlock())
}

func (r *rounds) converge(ctx context.Context) error {
	r.stamps = r.targets.stamps() // that of the configuration is from before it is read
	config, err := keep(&r.host.Host, r.config)
	if err != nil {
		return err
	}
	r.config = config
	r.out.config = config
	r.pace.maxReverts, r.pace.window = config.Config.Enforce.ContestedAfter, time.Duration(config.Config.Enforce.ContestedWindow)
	unit, err := r.host.Docker(ctx)
	if err != nil {
		return err
	}
	r.unit, r.out.unit = unit, unit
	r.targets = r.targetsOf(r.host.DaemonJSON(unit), config.Config, config.whyKept != "")
	if err := r.host.Loaded(ctx, unit); err != nil {
		return err
	}
	if unit.Changing() {
		r.out.waiting, r.out.tentative = fmt.Sprintf("%s is %s", host.DockerUnit, unit.ActiveState), true
		return nil
	}
	if r.retry.waits(r.now()) {
		r.out.tooEarly = true
		return fmt.Errorf("%w (tried again at %s)", r.failure, r.retry.next.Format(time.TimeOnly))
	}
	result, err := r.host.ConvergeBy(ctx, config.Config, r.decide)
	// Whatever keeps a release from being had keeps nothing else from being
	// enforced: it is on its way, or may have failed by the time this is said.
	for tries := 0; err != nil && r.out.install != nil && ctx.Err() == nil && tries < 2; tries++ {
		r.recordFetchFailure(r.out.install)
		r.out.install = nil
		result, err = r.host.ConvergeBy(ctx, config.Config, r.decide)
	}
	r.out.observed = result.Observed
	if err != nil {
		return err
	}
	return r.converged(result)
}

// targets is what is watched.
type targets struct {
	config []watch.Target // what says how the host should be
	host   []watch.Target // what should be so
}

// stamps are those of targets, each from before it was read.
type stamps struct{ config, host watch.Stamp }

func (t targets) stamps() stamps { return stamps{watch.StampOf(t.config), watch.StampOf(t.host)} }

func (t targets) all() []watch.Target { return slices.Concat(t.config, t.host) }

// targetsOf is what is watched of a host whose daemon.json is at a path.
func (r *rounds) targetsOf(daemonJSON string, c config.Config, isKept bool) targets {
	paths := r.host.Paths
	file, dropins := r.host.ConfigPaths()
	t := targets{
		config: []watch.Target{{Path: file}, {Path: dropins, Tree: true}},
		host:   []watch.Target{{Path: daemonJSON}, {Path: paths.Link}, {Path: paths.Store, Tree: true, Except: provision.StoreHidden}},
	}
	if isKept {
		// An apply may take the configuration as it is.
		t.config = append(t.config, watch.Target{Path: r.host.ConfigFiles().AcceptedPath()})
	}
	if c.Docker.UsernsRemap != "" {
		for _, name := range []string{"subuid", "subgid"} {
			t.host = append(t.host, watch.Target{Path: filepath.Join(paths.Etc, name)})
		}
	}
	return t
}
