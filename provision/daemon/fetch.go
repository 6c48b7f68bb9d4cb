package daemon

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/upgrade"
)

// errFetching means that a release is being downloaded.
var errFetching = errors.New("its download is running")

// fetches downloads releases into the store, one at a time, while rounds go on. A
// slow server delays no repair and holds no lock.
type fetches struct {
	host  *provision.Provisioner
	now   func() time.Time
	ended chan struct{} // has a value if the wanted fetch has ended

	running sync.WaitGroup
	mu      sync.Mutex
	wanted  *fetch // running or ended; nil if none is wanted
}

// fetch is one download.
type fetch struct {
	step    steps.InstallRelease
	since   time.Time
	cancel  context.CancelFunc
	ended   bool
	fetched *provision.Fetched
	err     error
}

func newFetches(host *provision.Provisioner, now func() time.Time) *fetches {
	return &fetches{host: host, now: now, ended: make(chan struct{}, 1)}
}

// sameInstall reports whether two steps install the same release from the same place.
func sameInstall(a, b steps.InstallRelease) bool {
	return a.Auto == b.Auto && reflect.DeepEqual(a.Spec, b.Spec)
}

// fetched is Provisioner.TakeFetched: it returns the result of a download that has ended.
// Otherwise it starts one unless it is running, and returns errFetching. ctx is the
// daemon's.
func (f *fetches) fetched(ctx context.Context, s steps.InstallRelease, have []release.Installed) (*provision.Fetched, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch w := f.wanted; {
	case w != nil && sameInstall(w.step, s) && w.ended:
		f.wanted = nil
		return w.fetched, w.err
	case w != nil && sameInstall(w.step, s):
		return nil, errFetching
	}
	f.drop()
	ctx, cancel := context.WithCancel(ctx)
	w := &fetch{step: s, since: f.now(), cancel: cancel}
	f.wanted = w
	f.running.Go(func() {
		defer cancel()
		got, err := f.host.Fetch(ctx, s, have)
		f.end(w, got, err)
	})
	return nil, errFetching
}

// end records the result of w, and removes it if it is no longer wanted.
func (f *fetches) end(w *fetch, got *provision.Fetched, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.ended, w.fetched, w.err = true, got, err
	if f.wanted != w {
		w.discard()
		return
	}
	select {
	case f.ended <- struct{}{}:
	default:
	}
}

func (w *fetch) discard() {
	if w.fetched != nil {
		_ = w.fetched.Discard() // if this fails, the next run sweeps it
	}
}

// underWay returns the download for s, if it is running.
func (f *fetches) underWay(s steps.InstallRelease) (status.Download, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.wanted; w != nil && !w.ended && sameInstall(w.step, s) {
		return status.Download{Release: w.step.Spec.Version, Since: w.since, Packaged: w.step.Spec.Source == release.SourceSystem}, true
	}
	return status.Download{}, false
}

// upgrade reports whether the download of a newer release of spec is running, or has ended.
func (f *fetches) upgrade(spec release.Spec) (running, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.wanted; w != nil && w.step.Auto && reflect.DeepEqual(w.step.Spec, spec) {
		return !w.ended, w.ended
	}
	return false, false
}

// cancelUnwanted ends the download of a release that is no longer missing.
func (f *fetches) cancelUnwanted() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop()
}

func (f *fetches) drop() {
	w := f.wanted
	if f.wanted = nil; w == nil {
		return
	}
	w.cancel()
	if w.ended {
		w.discard()
	}
}

// close ends a running download, and waits for it.
func (f *fetches) close() {
	f.cancelUnwanted()
	f.running.Wait()
}

// explainNoInstall returns why the release that o lacks is not installed now; "" if
// it may be, or if none is missing.
func (r *rounds) explainNoInstall(now time.Time, o host.Observed) string {
	step, lacking := plan.MissingRelease(r.config.Config, o)
	r.lacks, r.out.releaseMissing = step, lacking
	running, ended := r.fetches.upgrade(r.config.Config.Spec())
	if !lacking && !(upgrade.On(r.config.Config) && (running || ended)) {
		// An apply may have installed it first.
		r.fetches.cancelUnwanted()
	}
	r.out.upgradeNow = !lacking && !running && r.upgrade.Due(now, r.config.Config, ended)
	fromPackage := step.Spec.Source == release.SourceSystem // a change on this host may mend it
	if !sameInstall(step, r.notFetched) || fromPackage && r.stamps.host != r.notFetchedAt {
		r.fetch, r.fetchHeld = retry{}, ""
	}
	under, fetching := r.fetches.underWay(step)
	switch {
	case fetching && r.fetchHeld == "":
		return under.InWords()
	case fetching, r.fetch.waits(now):
		return r.fetchHeld
	}
	return ""
}

// recordFetchFailure notes why a release was not installed.
func (r *rounds) recordFetchFailure(err error) {
	if errors.Is(err, errFetching) || r.out.upgradeNow {
		return
	}
	r.notFetched, r.notFetchedAt = r.lacks, r.stamps.host
	r.fetch.fail(r.now())
	r.fetchHeld = fmt.Sprintf("it could not be installed: %v; next try at %s", err, r.fetch.next.Format(time.TimeOnly))
}

// recordInstall notes the result of an installation.
func (r *rounds) recordInstall(s steps.InstallRelease, err error) {
	r.out.install = err
	if s.Auto && !errors.Is(err, errFetching) {
		r.upgrade.Asked(r.now(), err)
		r.upgraded = err == nil
	}
	if err != nil {
		return
	}
	r.out.unpacked = true
	r.fetch, r.fetchHeld = retry{}, ""
	delete(r.digests, s.Spec.Version)
	if s.Damaged {
		r.contests.Revert(r.now(), config.ItemRelease)
	}
}
