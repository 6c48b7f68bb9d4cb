package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

// StoreHidden is the prefix of names in the store that other code must ignore: a release
// that is being fetched or removed.
const StoreHidden = release.HiddenPrefix

// Fetched is a release in the store that is complete and tried, and still hidden. The
// caller must discard it, installed or not.
type Fetched struct{ staged *release.Staged }

// Discard removes the files that were not installed.
func (f *Fetched) Discard() error { return f.staged.Discard() }

// Fetch brings the release of s into the store for Converge to install (TakeFetched). It
// changes nothing that is in use, needs no lock, and may run beside any other call. have
// are the installed releases.
func (pr *Provisioner) Fetch(ctx context.Context, s steps.InstallRelease, have []release.Installed) (*Fetched, error) {
	source := &release.Checksum{HTTP: pr.HTTP, Limits: pr.Limits, Have: have, Progress: func(p release.Progress) {
		pr.report(Event{Kind: StepProgress, Step: s, Fetched: p})
	}}
	staged, err := pr.store().Fetch(ctx, source, s.Spec)
	if err != nil {
		return nil, config.WrapSpecError(err)
	}
	return &Fetched{staged}, nil
}

func (pr *Provisioner) install(ctx context.Context, s steps.InstallRelease, have []release.Installed) (string, error) {
	installed, err := pr.obtain(ctx, s, have)
	if err != nil {
		return "", config.WrapSpecError(err)
	}
	return installed.Name + " in " + installed.Dir, nil
}

// obtain restores the release from its archive, takes a fetched one, or fetches it now.
func (pr *Provisioner) obtain(ctx context.Context, s steps.InstallRelease, have []release.Installed) (release.Installed, error) {
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
		err = fmt.Errorf("%w (before that: %w)", err, mendErr)
	}
	if err != nil {
		return release.Installed{}, err
	}
	// The next run sweeps what an error leaves here.
	defer fetched.Discard()
	before, err := store.List(ctx)
	if err != nil {
		return release.Installed{}, err
	}
	installed, err := store.Commit(ctx, fetched.staged)
	isInstalled := func(r release.Installed) bool { return r.Name == installed.Name }
	if err == nil && pr.onInstalled != nil && !slices.ContainsFunc(before, isInstalled) {
		pr.onInstalled(installed.Name)
	}
	return installed, err
}
