package host

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/evidence"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/verify"
)

// Configured returns p with the places of a configuration. Where c has the built-in place,
// that of p stays. A package of the distribution is in PATH, and what is noted of it has a store of its own.
func (p Paths) Configured(c config.Config) Paths {
	if p.builtIn == (config.Paths{}) {
		p.builtIn = config.Paths{Store: p.Store, Link: p.Link}
	}
	standard := config.DefaultPaths()
	p.Store, p.Link = p.builtIn.Store, p.builtIn.Link
	if c.Paths.Store != standard.Store {
		p.Store = c.Paths.Store
	}
	if c.Paths.Link != standard.Link {
		p.Link = c.Paths.Link
	}
	if c.Release.Source == release.SourceSystem {
		p.Store, p.Link = filepath.Join(p.Store, release.SourceSystem), ""
	}
	return p
}

// BuiltIn returns the places of p without [paths]; zero before Configured.
func (p Paths) BuiltIn() config.Paths { return p.builtIn }

// SamePlaces reports whether p and other have the same store and link.
func (p Paths) SamePlaces(other Paths) bool { return p.Store == other.Store && p.Link == other.Link }

// Stores lists the stores that this program has used on this host, the current one first.
// Processes may still run from an earlier one.
func (h *Host) Stores() []release.Store {
	current := h.Store()
	stores := []release.Store{current}
	for _, dir := range current.Earlier {
		earlier := release.Store{Dir: dir, Link: h.Paths.Link, Owner: h.Owner}
		earlier.Suspect = earlier.Touched
		if earlier.Safe() == nil { // another user could have put anything there
			stores = append(stores, earlier)
		}
	}
	return stores
}

// StoreOf returns the store with the release in dir.
func (h *Host) StoreOf(dir string) release.Store {
	for _, store := range h.Stores() {
		if filepath.Dir(dir) == store.Dir {
			return store
		}
	}
	return h.Store()
}

// earlierPlaces lists all places that were used, except current.
func earlierPlaces(current, builtIn string, noted []string) []string {
	var places []string
	for _, place := range append([]string{builtIn}, noted...) {
		if filepath.IsAbs(place) && filepath.Clean(place) == place && place != current && !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return places
}

// observeEarlier fills in what this program left at places that are no longer configured.
func observeEarlier(ctx context.Context, h *Host, o *Observed) error {
	for _, store := range h.Stores()[1:] {
		o.EarlierStores = append(o.EarlierStores, store.Dir)
		found, err := store.List(ctx)
		if err != nil {
			return err
		}
		o.EarlierReleases = append(o.EarlierReleases, found...)
	}
	for _, path := range earlierPlaces(h.Paths.Link, h.Paths.builtIn.Link, h.State().Links().Keys()) {
		store := h.Store()
		store.Link = path
		if link, err := store.LinkState(); err == nil && link.Kind == release.LinkOurs {
			o.EarlierLinks = append(o.EarlierLinks, link)
		}
	}
	return nil
}

// Known returns what package verify may trust: the installed releases, and those in earlier
// stores.
func (h *Host) Known(ctx context.Context, installed []release.Installed) ([]verify.Release, error) {
	known, err := evidence.Releases(ctx, h.Store(), installed)
	for _, store := range h.Stores()[1:] {
		if err != nil {
			return nil, err
		}
		var found []release.Installed
		var more []verify.Release
		if found, err = store.List(ctx); err == nil {
			more, err = evidence.Releases(ctx, store, found)
		}
		known = append(known, more...)
	}
	return known, err
}

// observeEarlierUse finds the earlier releases that processes run from, by directory. If a
// process cannot be read, every release counts as used.
func observeEarlierUse(ctx context.Context, h *Host, o *Observed) error {
	o.EarlierInUse = map[string]bool{}
	for _, r := range o.EarlierReleases {
		known, err := evidence.Releases(ctx, h.StoreOf(r.Dir), []release.Installed{r})
		if err != nil {
			return err
		}
		survey, err := h.Proc().Look(ctx, nil, known)
		if err != nil {
			return err
		}
		o.EarlierInUse[r.Dir] = survey.InUse[r.Name] > 0 || survey.Denied > 0
	}
	return nil
}

// observeWritable fills in the places that nothing can be written to.
func observeWritable(h *Host, o *Observed) {
	o.CannotWrite = map[string]string{}
	dirs := append([]string{o.Store}, o.EarlierStores...)
	for _, link := range append([]release.LinkState{o.Link}, o.EarlierLinks...) {
		if link.Path != "" {
			dirs = append(dirs, filepath.Dir(link.Path))
		}
	}
	for _, dir := range dirs {
		if err := durable.CannotWrite(dir); err != nil {
			o.CannotWrite[dir] = err.Error()
		}
	}
}

// CheckPlaces returns a *config.Error if the configured store or link is, or is around or
// below, a directory of this program or of dockerd.
func (h *Host) CheckPlaces(o Observed) error {
	taken := map[string]string{
		h.Paths.State: "the state of this program", h.Paths.Config: "its configuration", h.Paths.Run: "its status",
		filepath.Dir(o.File.Path): "daemon.json",
	}
	if o.NextDataRoot != "" {
		taken[o.NextDataRoot] = "Docker's data"
	}
	if o.Engine != nil && o.Engine.RootDir != "" {
		taken[o.Engine.RootDir] = "Docker's data"
	}
	for _, place := range []struct{ key, path, builtIn string }{
		{"paths.store", h.Paths.Store, h.Paths.builtIn.Store}, {"paths.link", h.Paths.Link, h.Paths.builtIn.Link},
	} {
		if place.path == "" || place.path == place.builtIn || place.builtIn == "" {
			continue
		}
		for dir, what := range taken {
			if config.WithinDir(dir, place.path) || config.WithinDir(place.path, dir) {
				return &config.Error{Key: place.key, Reason: fmt.Sprintf("%q clashes with %s in %s", place.path, what, dir)}
			}
		}
	}
	return nil
}
