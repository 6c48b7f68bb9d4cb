package provision

import (
	"fmt"
	"slices"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/release"
)

// Unattended bounds what is done where nobody is there to be asked.
type Unattended struct {
	Most config.Disruption // what disturbs more is held
	// Contested says, by item, why what somebody else changes is not changed
	// back any more.
	Contested map[string]string
	// NoRestart says why Docker is not restarted now, although Most is restart.
	NoRestart string
	// NoFetch says why no release is fetched now.
	NoFetch string
}

// contested reports whether item is left as somebody else has made it, and
// holds it.
func (b *builder) contested(item string) bool {
	if b.options.Unattended == nil {
		return false
	}
	why := b.options.Unattended.Contested[item]
	if why != "" {
		b.hold(Held{What: item, Why: why})
	}
	return why != ""
}

// names are the runtimes that are looked after: all but those that are
// contested.
func (b *builder) names() []string {
	names := b.config.RuntimeNames()
	if b.options.Unattended == nil {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool { return b.options.Unattended.Contested[config.RuntimeItem(name)] != "" })
}

// beyond says why something that disturbs as much as d is not done; "" when it
// may be.
func (b *builder) beyond(d config.Disruption) string {
	u := b.options.Unattended
	switch {
	case u == nil:
		return ""
	case d > u.Most:
		return fmt.Sprintf("it needs a %s of Docker, which is beyond max_disruption (%s); `runsc-provisioner apply` does it", d, u.Most)
	case d == config.DisruptionRestart:
		return u.NoRestart
	}
	return ""
}

// standIn is what is gone on with while the release that is wanted cannot be
// had: the one that Docker is to run, or else the newest; in any case one that
// is as it was installed.
func (b *builder) standIn() (release.Installed, bool) {
	var intact []release.Installed
	for _, r := range b.observed.Releases {
		if r.State.Intact() {
			intact = append(intact, r)
		}
	}
	for _, name := range b.names() {
		for _, r := range intact {
			if r.Runsc == b.observed.File.Doc.Runtimes()[name].Path {
				return r, true
			}
			if e := b.observed.Engine; e != nil && r.Runsc == e.Runtimes[name].Path {
				return r, true
			}
		}
	}
	if len(intact) == 0 {
		return release.Installed{}, false
	}
	return slices.MinFunc(intact, release.Newest), true
}

// install asks for a release, unless it may not be fetched or is contested. It
// reports false where there is nothing to go on with.
func (b *builder) install(step InstallRelease) bool {
	u := b.options.Unattended
	switch {
	case step.Damaged && b.contested(config.ItemRelease):
	case u != nil && u.NoFetch != "":
		b.hold(Held{What: "release " + step.Spec.Version + " (" + step.Why + ")", Why: u.NoFetch})
	default:
		b.add(step)
		return true
	}
	b.plan.Provisional = false
	r, found := b.standIn()
	b.current = r
	return found
}
