package provision

import (
	"slices"
	"strings"

	"runsc-provisioner/provision/release"
)

// prune removes old releases: those that nothing runs from and no runtime of
// daemon.json names, but for the newest few that are as they were installed.
func (b *builder) prune() {
	if b.plan.Provisional {
		return
	}
	var old, unfit []release.Installed
	wanted, _ := satisfying(b.observed.Releases, b.config.Spec()) // may be contested, and then another one is current
	for _, r := range b.observed.Releases {
		if r.Name != b.current.Name && r.Name != wanted.Name && !b.observed.InUse[r.Name] && !b.registeredElsewhere(r) {
			if r.State.Intact() {
				old = append(old, r)
			} else {
				unfit = append(unfit, r)
			}
		}
	}
	slices.SortFunc(old, release.Newest)
	for _, r := range append(unfit, old[min(b.config.Release.Keep, len(old)):]...) {
		b.add(RemoveRelease{Name: r.Name, Dir: r.Dir})
	}
}

// registeredElsewhere reports whether a runtime that is not managed by us, or
// dockerd as it runs now, names r.
func (b *builder) registeredElsewhere(r release.Installed) bool {
	for name, runtime := range b.observed.File.Doc.Runtimes() {
		if !slices.Contains(b.names(), name) && within(r.Dir, runtime.Path) {
			return true
		}
	}
	return false
}

func within(dir, path string) bool { return strings.HasPrefix(path, dir+"/") }
