package daemon

import (
	"errors"
	"fmt"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// holdsBack is why the release that is lacking in o, if one is, is not installed
// now.
func (r *rounds) holdsBack(now time.Time, o host.Observed) string {
	step, lacking := plan.MissingRelease(r.config.Config, o)
	r.lacks, r.out.lacks = step, lacking
	if !lacking {
		// It may be that an apply was faster.
		r.fetches.unwanted()
	}
	if !same(step, r.without) {
		r.fetch, r.noFetch = retry{}, ""
	}
	under, fetching := r.fetches.underWay(step)
	switch {
	case fetching && r.noFetch == "":
		return under.inWords()
	case fetching, r.fetch.waits(now):
		return r.noFetch
	}
	return ""
}

// notInstalled takes in why a release was not installed.
func (r *rounds) notInstalled(err error) {
	if errors.Is(err, errFetching) {
		return
	}
	r.without = r.lacks
	r.fetch.fail(r.now())
	r.noFetch = fmt.Sprintf("it could not be installed: %v; tried again at %s", err, r.fetch.next.Format(time.TimeOnly))
}

// tookIn takes in what came of an installation.
func (r *rounds) tookIn(s plan.InstallRelease, err error) {
	r.out.install = err
	if err != nil {
		return
	}
	r.out.unpacked = true
	r.fetch, r.noFetch = retry{}, ""
	delete(r.digests, s.Spec.Version)
	if s.Damaged {
		r.pace.revert(r.now(), config.ItemRelease)
	}
}
