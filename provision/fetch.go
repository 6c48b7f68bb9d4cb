package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/distro"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/upgrade"
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
	source, err := pr.source(s, have)
	if err != nil {
		return nil, err
	}
	staged, err := pr.store().Fetch(ctx, source, s.Spec)
	if err != nil {
		return nil, config.WrapSpecError(err)
	}
	return &Fetched{staged}, nil
}

// source is the source of a release, with what this host has seen of it.
func (pr *Provisioner) source(s steps.InstallRelease, have []release.Installed) (release.Source, error) {
	download := release.Download{HTTP: pr.HTTP, Limits: pr.Limits, Have: have, Progress: func(p release.Progress) {
		pr.report(Event{Kind: StepProgress, Step: s, Fetched: p})
	}}
	if s.Auto {
		download.Consider = func(o release.Offer) error { return pr.consider(o, s.After, pr.now()) }
	}
	switch {
	case s.Spec.Source == release.SourceSystem:
		return distro.Source{Owner: pr.Owner}, nil
	case s.Spec.Trust == release.TrustSigned:
		return pr.signed(s, download)
	case s.Spec.Trust == release.TrustTwoSources:
		return &release.TwoSources{Download: download}, nil
	}
	return &release.Checksum{Download: download}, nil
}

func (pr *Provisioner) now() time.Time {
	if pr.Now == nil {
		return time.Now()
	}
	return pr.Now()
}

// consider says why the daemon does not take an offered release by itself; nil if it may. It records when this host
// first saw the offer. The error is that of upgrade.Consider, or of the file system.
func (pr *Provisioner) consider(o release.Offer, after time.Duration, now time.Time) error {
	withdrawn, err := pr.store().Withdrawn()
	if err != nil {
		return err
	}
	seen, err := pr.State().FirstOffered(o.SHA512, now)
	if err != nil {
		return err
	}
	return upgrade.Consider(o, withdrawn, seen, after, now)
}

// signed is the source of signed releases.
func (pr *Provisioner) signed(s steps.InstallRelease, download release.Download) (*release.Signed, error) {
	seen, err := pr.State().Indexes()
	if err != nil {
		return nil, err
	}
	signed := &release.Signed{Download: download, Seen: map[string]release.Seen{}, AllowDowngrade: s.AllowDowngrade, Now: pr.now}
	for url, index := range seen {
		signed.Seen[url] = release.Seen(index)
	}
	keys := release.Keys{URL: s.Spec.Signing.KeyURL}
	if keys.Pinned, err = s.Spec.Signing.Pinned(); err != nil {
		return nil, err
	}
	if path := s.Spec.Signing.Keyring; path != "" {
		if keys.File, err = durable.ReadLimited(path, release.MaxKeyFile); err != nil {
			return nil, &config.Error{Key: "release.keyring", Reason: err.Error(), Err: err}
		}
	} else if keys.Kept, err = pr.State().ArchiveKey(); err != nil {
		return nil, err
	}
	signed.Keys = keys
	return signed, nil
}

// noteOrigin records what was seen of the index that led to a release, so that no older one is believed later.
func (pr *Provisioner) noteOrigin(origin *release.Origin) error {
	if origin == nil {
		return nil
	}
	return errors.Join(pr.State().NoteIndex(origin.URL, state.Index(origin.Index)), pr.State().KeepArchiveKey(origin.Key))
}

// checkDowngrade refuses a release that a server has as the latest one, although it is older than one that is installed.
func checkDowngrade(s steps.InstallRelease, name string, have []release.Installed) error {
	newest, found := release.NewestSatisfying(have, s.Spec)
	if s.Spec.Exact() || s.AllowDowngrade || !found {
		return nil
	}
	if release.Newest(newest, release.Installed{Name: name}) < 0 {
		return &release.OlderError{Release: name, Than: newest.Name + ", which is installed: the server has an old copy"}
	}
	return nil
}

func (pr *Provisioner) install(ctx context.Context, s steps.InstallRelease, have []release.Installed) (string, error) {
	installed, err := pr.obtain(ctx, s, have)
	if err != nil {
		return "", config.WrapSpecError(err)
	}
	return installed.Name + " in " + installed.FilesDir(), nil
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
	if err := errors.Join(pr.noteOrigin(fetched.staged.Origin()), checkDowngrade(s, fetched.staged.Name(), have)); err != nil {
		return release.Installed{}, err
	}
	before, err := store.List(ctx)
	if err != nil {
		return release.Installed{}, err
	}
	installed, err := store.Commit(ctx, fetched.staged)
	isInstalled := func(r release.Installed) bool { return r.Name == installed.Name }
	if err == nil && pr.onInstalled != nil && !slices.ContainsFunc(before, isInstalled) {
		pr.onInstalled(installed.Name, s.Auto)
	}
	if err == nil && pr.onObtained != nil {
		err = pr.onObtained(s, installed, before)
	}
	return installed, err
}
