package verify

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Writes says what becomes of the changes that a container makes to its root
// file system.
type Writes string

// What may become of them.
const (
	// WritesKept: Docker's layer has them, as with runc, so that docker cp,
	// commit, diff, export and the container's own next start see them.
	WritesKept Writes = "kept"
	// WritesLost: they are in a file or memory of the sandbox's own and end
	// with it.
	WritesLost Writes = "lost"
)

// KeepWrites is the argument of runsc that switches its overlay off.
const KeepWrites = "--overlay2=none"

const (
	overlayNone = "none"
	overlaySelf = "root:self"
)

// The days of the first releases that know --overlay2, and whose default of it
// is root:self (gVisor's runsc/config at release-20221205.0 and
// release-20230313.0).
const (
	overlayFlagSince    = "20221205"
	overlayDefaultSince = "20230313"
)

// WritesOf says what becomes of the writes under a runtime with these
// arguments. --overlay2 decides; of a repeated flag the last value counts. The
// default of runsc since 2023 is root:self (gVisor's runsc/config/flags.go),
// which loses them. So does --overlay, which --overlay2=none does not switch
// off (GetOverlay2 in runsc/config/config.go).
func WritesOf(args []string) Writes { return writesOf(args, overlaySelf) }

// WritesUnder is WritesOf with the default of a release, by its name: those
// before 2023-03-13 keep the writes. One whose name has no date is new.
func WritesUnder(release string, args []string) Writes {
	if before(release, overlayDefaultSince) {
		return writesOf(args, overlayNone)
	}
	return WritesOf(args)
}

func writesOf(args []string, overlay string) Writes {
	everything := false
	for _, s := range settings(args) {
		switch s.name {
		case "overlay2":
			overlay = s.value
		case "overlay":
			on, err := strconv.ParseBool(s.value)
			everything = on || err != nil
		}
	}
	if overlay == overlayNone && !everything {
		return WritesKept
	}
	return WritesLost
}

// KnowsOverlay reports whether runsc of a release, by its name, takes
// --overlay2: one that does not ends with an error at a flag that it does not
// know. One whose name has no date is new.
func KnowsOverlay(release string) bool { return !before(release, overlayFlagSince) }

var releaseDate = regexp.MustCompile(`\d{8}`)

func before(release, day string) bool {
	date := releaseDate.FindString(strings.ReplaceAll(release, "-", "")) // nightly: 2026-09-14
	return date != "" && date < day
}

// OverlayArgs are those of args that set an overlay, as they are written.
func OverlayArgs(args []string) []string {
	_, overlay := splitOverlay(args)
	return overlay
}

// WithoutOverlay is args without those that set an overlay. It is not nil.
func WithoutOverlay(args []string) []string {
	others, _ := splitOverlay(args)
	return others
}

// splitOverlay tells the flags of an overlay from the others. --overlay2 may
// have its value in the next word; --overlay is a boolean, and has not.
func splitOverlay(args []string) (others, overlay []string) {
	others = []string{}
	for i := 0; i < len(args); i++ {
		name, dashed := strings.CutPrefix(args[i], "-")
		name, _, has := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		switch {
		case !dashed || name != "overlay" && name != "overlay2":
			others = append(others, args[i])
		case name == "overlay2" && !has && i+1 < len(args):
			overlay = append(overlay, args[i]+" "+args[i+1])
			i++
		default:
			overlay = append(overlay, args[i])
		}
	}
	return others, overlay
}

// Keep is args with the writes as wanted under a release: as they are where they
// say so already, and else without any flag of an overlay, and with KeepWrites if
// the writes are to be kept. A release that does not know that flag is not given
// it: it keeps them without.
func Keep(release string, args []string, want Writes) []string {
	known := KnowsOverlay(release)
	if known && WritesOf(args) == want {
		return slices.Clone(args)
	}
	args = WithoutOverlay(args)
	if known && want == WritesKept {
		args = append(args, KeepWrites)
	}
	return args
}
