package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
)

// StoreHidden is how the names begin of what is in the store and not to be looked
// at: what is being fetched, or removed.
const StoreHidden = release.HiddenPrefix

// Fetched is a release that is in the store, complete and tried, and still hidden.
// The caller discards it in the end, installed or not.
type Fetched struct{ staged *release.Staged }

// Discard removes what is left of it once it was installed, or is not wanted.
func (f *Fetched) Discard() error { return f.staged.Discard() }

// Fetch brings what s installs into the store, where Converge takes it from
// (Host.Fetched). It changes nothing that is in use, needs no lock, and may run
// beside anything. have are the releases that are installed.
func (pr *Provisioner) Fetch(ctx context.Context, s plan.InstallRelease, have []release.Installed) (*Fetched, error) {
	staged, err := pr.store().Fetch(ctx, pr.releaseSource(s, have), s.Spec)
	if err != nil {
		return nil, config.OfSpec(err)
	}
	return &Fetched{staged}, nil
}

// releaseSource is where releases come from.
func (pr *Provisioner) releaseSource(s plan.InstallRelease, have []release.Installed) release.Source {
	return &release.Checksum{HTTP: pr.HTTP, Limits: pr.Limits, Have: have, Progress: func(p release.Progress) {
		pr.report(Event{Kind: StepProgress, Step: s, Fetched: p})
	}}
}

func (pr *Provisioner) install(ctx context.Context, s plan.InstallRelease, have []release.Installed) (string, error) {
	installed, err := pr.obtain(ctx, s, have)
	if err != nil {
		return "", config.OfSpec(err)
	}
	return installed.Name + " in " + installed.Dir, nil
}

// obtain restores the release from its archive, takes what was fetched before, or
// fetches it now.
func (pr *Provisioner) obtain(ctx context.Context, s plan.InstallRelease, have []release.Installed) (release.Installed, error) {
	store := pr.store()
	mended, mendErr := store.Mend(ctx, s.Spec)
	if mendErr == nil {
		return mended, nil
	}
	fetch := pr.TakeFetched
	if fetch == nil {
		fetch = pr.Fetch
	}
	fetched, err := fetch(ctx, s, have)
	if err != nil && !errors.Is(mendErr, release.ErrNotDamaged) {
		err = fmt.Errorf("%w (and before that: %w)", err, mendErr)
	}
	if err != nil {
		return release.Installed{}, err
	}
	// What stays behind is swept by the next run.
	defer fetched.Discard()
	before, err := store.List()
	if err != nil {
		return release.Installed{}, err
	}
	installed, err := store.Commit(ctx, fetched.staged)
	if err == nil && pr.onInstalled != nil && !slices.ContainsFunc(before, func(r release.Installed) bool { return r.Name == installed.Name }) {
		pr.onInstalled(installed.Name)
	}
	return installed, err
}
