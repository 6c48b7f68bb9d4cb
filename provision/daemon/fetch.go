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
)

// Download is a release that is on its way, beside all else.
type Download struct {
	Release string    `json:"release"` // as it was asked for
	Since   time.Time `json:"since"`
}

func (f Download) inWords() string {
	return fmt.Sprintf("its download is under way since %s", f.Since.Format(time.TimeOnly))
}

// errFetching says that a release is on its way.
var errFetching = errors.New("its download is under way")

// fetches brings releases into the store beside the rounds, one at a time: however
// slow a server is, what is installed is enforced, and the lock is free.
type fetches struct {
	host  *provision.Provisioner
	now   func() time.Time
	ended chan struct{} // has one when a fetch has ended that is wanted still

	running sync.WaitGroup
	mu      sync.Mutex
	wanted  *fetch // the one under way, or that has ended; nil while none is wanted
}

// fetch is one of them.
type fetch struct {
	step    plan.InstallRelease
	since   time.Time
	cancel  context.CancelFunc
	ended   bool
	fetched *provision.Fetched
	err     error
}

func newFetches(host *provision.Provisioner, now func() time.Time) *fetches {
	return &fetches{host: host, now: now, ended: make(chan struct{}, 1)}
}

// sameInstall is true of two steps that install the same from the same place.
func sameInstall(a, b plan.InstallRelease) bool { return reflect.DeepEqual(a.Spec, b.Spec) }

// fetched is Host.Fetched: what has arrived, or errFetching while it is on its way,
// from now on at the latest. ctx is the daemon's.
func (f *fetches) fetched(ctx context.Context, s plan.InstallRelease, have []release.Installed) (*provision.Fetched, error) {
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

// end takes in what came of w. What is not wanted any more is removed.
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
		_ = w.fetched.Discard() // or else the next run sweeps it
	}
}

// underWay is the fetch of what s installs, if it has not ended.
func (f *fetches) underWay(s plan.InstallRelease) (Download, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.wanted; w != nil && !w.ended && sameInstall(w.step, s) {
		return Download{Release: w.step.Spec.Version, Since: w.since}, true
	}
	return Download{}, false
}

// cancelUnwanted ends the fetch of what is not lacking any more.
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

// close ends what is under way, and returns when nothing is left of it.
func (f *fetches) close() {
	f.cancelUnwanted()
	f.running.Wait()
}

// explainNoInstall is why the release that is lacking in o, if one is, is not installed
// now.
func (r *rounds) explainNoInstall(now time.Time, o host.Observed) string {
	step, lacking := plan.MissingRelease(r.config.Config, o)
	r.lacks, r.out.releaseMissing = step, lacking
	if !lacking {
		// It may be that an apply was faster.
		r.fetches.cancelUnwanted()
	}
	if !sameInstall(step, r.notFetched) {
		r.fetch, r.fetchHeld = retry{}, ""
	}
	under, fetching := r.fetches.underWay(step)
	switch {
	case fetching && r.fetchHeld == "":
		return under.inWords()
	case fetching, r.fetch.waits(now):
		return r.fetchHeld
	}
	return ""
}

// recordFetchFailure takes in why a release was not installed.
func (r *rounds) recordFetchFailure(err error) {
	if errors.Is(err, errFetching) {
		return
	}
	r.notFetched = r.lacks
	r.fetch.fail(r.now())
	r.fetchHeld = fmt.Sprintf("it could not be installed: %v; tried again at %s", err, r.fetch.next.Format(time.TimeOnly))
}

// recordInstall takes in what came of an installation.
func (r *rounds) recordInstall(s plan.InstallRelease, err error) {
	r.out.install = err
	if err != nil {
		return
	}
	r.out.unpacked = true
	r.fetch, r.fetchHeld = retry{}, ""
	delete(r.digests, s.Spec.Version)
	if s.Damaged {
		r.pace.revert(r.now(), config.ItemRelease)
	}
}
