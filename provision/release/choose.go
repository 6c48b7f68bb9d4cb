package release

import (
	"fmt"
	"path/filepath"
	"slices"
)

// NewestSatisfying is the newest release that satisfies spec and was not withdrawn; false if there is none. Of a
// package, only what is there now counts.
func NewestSatisfying(all []Installed, spec Spec) (Installed, bool) {
	if spec.Source == SourceSystem {
		all = IntactOf(all)
	}
	return NewestOf(where(all, func(r Installed) bool { return r.Withdrawn == nil && r.Satisfies(spec) }))
}

// NewestOf is the newest of the releases; false if there are none.
func NewestOf(all []Installed) (Installed, bool) {
	if len(all) == 0 {
		return Installed{}, false
	}
	return slices.MinFunc(all, Newest), true
}

// IntactOf are the intact ones of the releases.
func IntactOf(all []Installed) []Installed {
	return where(all, func(r Installed) bool { return r.State.Intact() })
}

// UsableOf are the releases that are intact and were not withdrawn.
func UsableOf(all []Installed) []Installed {
	return where(IntactOf(all), func(r Installed) bool { return r.Withdrawn == nil })
}

// NewestUsable compares releases for sorting: the newest first, and all that were withdrawn last.
func NewestUsable(a, b Installed) int {
	if (a.Withdrawn == nil) == (b.Withdrawn == nil) {
		return Newest(a, b)
	}
	if a.Withdrawn == nil {
		return -1
	}
	return 1
}

// PreviousOf is the newest usable release (UsableOf) that is older than used; false if there is none.
func PreviousOf(all []Installed, used Installed) (Installed, bool) {
	return NewestOf(where(UsableOf(all), func(r Installed) bool { return Newest(used, r) < 0 }))
}

func where(all []Installed, is func(Installed) bool) []Installed {
	return slices.DeleteFunc(slices.Clone(all), func(r Installed) bool { return !is(r) })
}

// InEarlierStore is the newest intact one of the releases of earlier stores that spec asks for: a new store is no
// upgrade. Only the channel release has names that its server knows.
func InEarlierStore(all []Installed, spec Spec) (Installed, bool) {
	if spec.Channel != ChannelRelease {
		return Installed{}, false
	}
	return NewestSatisfying(IntactOf(all), spec)
}

// TrustNote says that r stays although it was not signed and the next release must be; "" if there is nothing to say.
func (r Installed) TrustNote(wanted string) string {
	has := r.Manifest.Trust
	if wanted != TrustSigned || has == "" || has == wanted || has == TrustPackage {
		return ""
	}
	return fmt.Sprintf("release %s was checked by %s, which does not show who made it, and stays; the next one must be signed, as release.trust says", r.Name, has)
}

// Placeholder stands for a release that is not installed yet. Without an exact version, its name is the wanted version
// in braces.
func Placeholder(store string, spec Spec) Installed {
	name := spec.Version
	if !spec.Exact() {
		name = "{" + spec.Version + "}"
	}
	dir := filepath.Join(store, name)
	if spec.Source == SourceSystem {
		return Installed{Name: name, Dir: dir, Runsc: SystemRunsc}
	}
	return Installed{Name: name, Dir: dir, Runsc: filepath.Join(dir, "runsc")}
}

// IsOlder reports whether the release that version asks for, a date or a name, is older than the one called than.
func IsOlder(version, than string) bool {
	wanted, wantedErr := ParseLabel(version)
	other, otherErr := ParseLabel(than)
	return wantedErr == nil && otherErr == nil && !other.Satisfies(version) && wanted.Compare(other) < 0
}
