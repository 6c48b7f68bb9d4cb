package daemon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/contest"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/proof"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/provision/upgrade"
	"runsc-provisioner/provision/watch"
)

const (
	// lockWithin is how long a round waits for a running apply before the status
	// becomes "waiting".
	lockWithin = 10 * time.Second
	// idleWriterAfter is how long a round waits after the last write to a file that a
	// program has open for writing.
	idleWriterAfter = time.Minute
	// grace is how long a file may be half-written, or Docker starting or stopping,
	// before that is reported.
	grace = 2 * time.Second
)

// cause is a set of reasons for a round.
type cause int

const (
	becauseFiles cause = 1 << iota
	becauseUnit
	becauseDockerd // dockerd has read its configuration again
	becauseTimer
	becauseAsked
	becauseFetched // a download has ended
)

// rounds looks at the host and repairs it, one round at a time.
type rounds struct {
	host *provision.Provisioner // a copy, with hooks
	now  func() time.Time
	// existed has the directories of mustRestart that were there when this process started.
	existed map[string]bool

	config        keptConfig
	appliedConfig []byte // the configuration that was last applied, as JSON
	contests      contest.Tracker
	retry         retry  // of repairs
	failure       error  // the error that retry waits after
	failedConfig  []byte // the configuration that it was about, as JSON
	fetches       *fetches
	fetch         retry                // of downloads
	fetchHeld     string               // why no release is downloaded now
	notFetched    steps.InstallRelease // the release that fetchHeld is about
	notFetchedAt  watch.Stamp          // of the host then
	upgrade       upgrade.Schedule
	upgraded      bool   // a newer release was installed, and is not in use yet
	current       string // the release that the runtimes ran after the last round

	targets     targets
	releases    []release.Installed // as the last look saw them
	quietStamps stamps              // of the last look that found nothing to do, or zero
	stamps      stamps              // of the current look
	unit        host.Unit
	lookBegan   time.Time // when the last look began
	digests     map[string]watch.Stamp
	lookStamps  map[string]watch.Stamp // of the releases that the current look reads
	writing     struct {               // the file that is being written
		stamp watch.Stamp
		since time.Time
	}
	lastText     [sha256.Size]byte    // digest of daemon.json at the last look
	fatalText    *[sha256.Size]byte   // the same, before a reload on which dockerd ended; or nil
	troubleSince time.Time            // since when rounds have failed or waited
	lacks        steps.InstallRelease // the release that is missing, or zero

	out *outcome // of the current round
}

func newRounds(d *Daemon) *rounds {
	host := *d.Host
	r := &rounds{host: &host, now: d.Now, digests: map[string]watch.Stamp{}}
	r.existed = existing(&host.Host)
	host.WaitForWriters = watch.Settled
	host.BeforeObserve = r.beforeLook
	host.Suspect = r.mustDigest
	host.Report = r.recordEvent
	r.fetches = newFetches(r.host, d.Now)
	host.TakeFetched = r.fetches.fetched
	host.RecoveryOptions = r.consent
	host.Now = d.Now
	if record := host.ConfigFiles().Accepted(); record.Found {
		r.appliedConfig = encoded(record.Config)
	}
	r.targets = r.targetsOf(host.Paths.DaemonJSON, config.Config{}, false)
	return r
}

// run makes one round.
func (r *rounds) run(ctx context.Context, why cause) *outcome {
	r.out = &outcome{began: r.now(), config: r.config, targets: r.targets, unit: r.unit}
	out := r.out
	defer func() {
		if out.items == nil { // it did not get that far
			out.items = checkup.AddJournalItem(nil, r.host.State().Journal().Open())
		}
	}()
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
		r.retry, r.fetch, r.fetchHeld, r.upgrade = retry{}, retry{}, "", upgrade.Schedule{}
		r.fatalText = nil
		r.contests.Reset()
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

// settle waits until no other program writes the files that the round will read.
func (r *rounds) settle(ctx context.Context) error {
	for _, t := range r.targets.all() {
		if t.Tree || t.Path == r.host.Paths.Link {
			continue
		}
		err := watch.Settled(ctx, t.Path)
		if err == nil {
			continue
		}
		// A program that keeps a file open and writes nothing does not block repairs.
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

// hasNews reports whether anything has changed since the last look.
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

// convergeLocked makes the host match the configuration, and holds the lock.
func (r *rounds) convergeLocked(ctx context.Context) error {
	unlock, err := r.host.Lock(ctx, lockWithin)
	if err != nil {
		return err
	}
	err = r.converge(ctx)
	return errors.Join(err, unlock())
}

func (r *rounds) converge(ctx context.Context) error {
	r.stamps = r.targets.stamps() // the stamps are older than what is read below
	config, err := keep(&r.host.Host, r.config)
	if err != nil {
		return err
	}
	r.config = config
	r.out.config = config
	if err := r.checkPlaces(config.Config); err != nil {
		return err
	}
	r.contests.MaxReverts, r.contests.Window = config.Config.Enforce.ContestedAfter, time.Duration(config.Config.Enforce.ContestedWindow)
	unit, err := r.host.Docker(ctx)
	if err != nil {
		return err
	}
	r.unit, r.out.unit = unit, unit
	r.targets = r.targetsOf(r.host.UnitDaemonJSON(unit), config.Config, config.whyKept != "")
	if err := r.host.CheckUnit(ctx, unit); err != nil {
		return err
	}
	if unit.Changing() {
		r.out.waiting, r.out.tentative = fmt.Sprintf("%s is %s", host.DockerUnit, unit.ActiveState), true
		return nil
	}
	if r.retry.waits(r.now()) && bytes.Equal(r.failedConfig, encoded(config.Config)) {
		r.out.tooEarly = true
		return r.enforceAccepted(ctx, fmt.Errorf("%w (next try at %s)", r.failure, r.retry.next.Format(time.TimeOnly)))
	}
	result, err := r.host.ConvergeBy(ctx, config.Config, r.decide)
	// A missing release blocks no other setting: without it, the rest is enforced.
	for tries := 0; err != nil && r.out.install != nil && ctx.Err() == nil && tries < 2; tries++ {
		r.recordFetchFailure(r.out.install)
		r.out.install = nil
		result, err = r.host.ConvergeBy(ctx, config.Config, r.decide)
	}
	r.out.observed = result.Observed
	if err != nil {
		return r.enforceAccepted(ctx, r.explainPlace(err))
	}
	// Docker may have come meanwhile, and the next round would see nothing new.
	if err := r.checkPlaces(config.Config); err != nil {
		return err
	}
	return r.converged(result)
}

// enforceAccepted repairs drift from the configuration that was last in effect, if cause is that a runtime of
// the present one failed its proof. It returns cause, and why that could not be done.
func (r *rounds) enforceAccepted(ctx context.Context, cause error) error {
	var failed *proof.Failed
	var down *transaction.DockerDown
	if !errors.As(cause, &failed) || errors.As(cause, &down) {
		return cause
	}
	accepted := r.host.ConfigFiles().Accepted()
	text := encoded(accepted.Config)
	if !accepted.Found || bytes.Equal(text, encoded(r.config.Config)) {
		return cause
	}
	present, applied := r.config, r.appliedConfig
	defer func() { r.config, r.appliedConfig = present, applied }()
	r.config.Config, r.appliedConfig, r.out.drifts = accepted.Config, text, nil
	result, err := r.host.ConvergeBy(ctx, accepted.Config, r.decide)
	r.out.observed = result.Observed
	if err == nil {
		_, err = r.repaired(result.Observed)
	}
	return errors.Join(cause, err)
}

// targets are the files that the daemon watches.
type targets struct {
	config []watch.Target // the configuration
	host   []watch.Target // what the configuration is about
}

// stamps are the stamps of targets, from before they were read.
type stamps struct{ config, host watch.Stamp }

func (t targets) stamps() stamps { return stamps{watch.StampOf(t.config), watch.StampOf(t.host)} }

func (t targets) all() []watch.Target { return slices.Concat(t.config, t.host) }

// targetsOf returns the targets of a host with this path of daemon.json.
func (r *rounds) targetsOf(daemonJSON string, c config.Config, isKept bool) targets {
	paths := r.host.Paths
	file, dropins := r.host.ConfigPaths()
	t := targets{
		config: []watch.Target{{Path: file}, {Path: dropins, Tree: true}},
		host:   []watch.Target{{Path: daemonJSON}, {Path: paths.Store, Tree: true, Except: provision.StoreHidden}},
	}
	if paths.Link != "" {
		t.host = append(t.host, watch.Target{Path: paths.Link})
	}
	if c.Docker.Builds != "" {
		// The program may be in an earlier store.
		places := r.host.BuildKit()
		t.host = append(t.host, watch.Files(places.DropIn, places.Program)...)
	}
	if c.Release.Source == release.SourceSystem {
		t.host = append(t.host, watch.Files(release.SystemRunsc)...)
		for _, installed := range r.releases {
			t.host = append(t.host, watch.Files(installed.PackageFiles()...)...)
		}
	}
	if isKept {
		// An apply --give-up may accept the files.
		t.config = append(t.config, watch.Target{Path: r.host.ConfigFiles().AcceptedPath()})
	}
	if c.Docker.UsernsRemap != "" {
		t.host = append(t.host, watch.Files(filepath.Join(paths.Etc, "subuid"), filepath.Join(paths.Etc, "subgid"))...)
	}
	return t
}
