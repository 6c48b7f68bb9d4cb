package transaction

import (
	"path/filepath"
	"slices"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
)

// storeOfLink is the store that the link in the journal led to, with that link: the
// configuration may have other places by now.
func (t *Transaction) storeOfLink() release.Store {
	store, link := t.docker.Store(), t.journal.Link
	if link.Path != "" {
		store.Link = link.Path
	}
	if dir := filepath.Dir(filepath.Dir(link.Target)); link.Target != "" && dir != store.Dir {
		store.Earlier = append(slices.Clone(store.Earlier), store.Dir)
		store.Dir = dir
	}
	return store
}

// isJournalled reports whether the link is as a journal says that it was.
func isJournalled(now release.LinkState, l state.JournalLink) bool {
	return now.Release == l.Release && (l.Target == "" || now.Target == l.Target)
}
