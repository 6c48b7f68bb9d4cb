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

// The arguments of runsc under which Docker and a container see the same files.
const (
	// KeepWrites switches runsc's overlay off.
	KeepWrites = "--overlay2=none"
	// ForgetFiles has runsc forget a file that nothing holds open, and look at
	// the host again. Otherwise runsc goes on with the first file it saw: a
	// change through a second hard link of the image is made to the first alone
	// in Docker's layer, and a file that docker cp replaced is not seen.
	ForgetFiles = "--dcache=0"
)

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
// know. One whose name has no date is new. All that know it know --dcache=0,
// which is of 2022-09-13 (gVisor's commit 658ee7f7c).
func KnowsOverlay(release string) bool { return !before(release, overlayFlagSince) }

var releaseDate = regexp.MustCompile(`\d{8}`)

func before(release, day string) bool {
	date := releaseDate.FindString(strings.ReplaceAll(release, "-", "")) // nightly: 2026-09-14
	return date != "" && date < day
}

// OverlayArgs are those of args that set an overlay, as they are written.
func OverlayArgs(args []string) []string {
	_, overlay := split(args, "overlay", "overlay2")
	return overlay
}

// RootfsArgs are those of args that set an overlay, or how long runsc remembers
// files, as they are written.
func RootfsArgs(args []string) []string {
	_, rootfs := split(args, "overlay", "overlay2", "dcache")
	return rootfs
}

// WithoutRootfs is args without those of RootfsArgs. It is not nil.
func WithoutRootfs(args []string) []string {
	others, _ := split(args, "overlay", "overlay2", "dcache")
	return others
}

// split tells flags of these names from the others. A value may be in the next
// word; --overlay is a boolean, and has none.
func split(args []string, names ...string) (others, found []string) {
	others = []string{}
	for i := 0; i < len(args); i++ {
		name, dashed := strings.CutPrefix(args[i], "-")
		name, _, has := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		switch {
		case !dashed || !slices.Contains(names, name):
			others = append(others, args[i])
		case name != "overlay" && !has && i+1 < len(args):
			found = append(found, args[i]+" "+args[i+1])
			i++
		default:
			found = append(found, args[i])
		}
	}
	return others, found
}

// Keep is args with the writes as wanted under a release. Flags of an overlay
// stay where they say so already; else they are removed.
//
// WritesKept adds KeepWrites if no flag says so, and ForgetFiles if no --dcache
// is there: one that is there is the user's. A release before these flags is
// given neither, and keeps writes without. WritesLost removes both again:
// ForgetFiles only as the last argument, where WritesKept put it.
func Keep(release string, args []string, want Writes) []string {
	kept := WritesOf(args) == WritesKept
	switch {
	case !KnowsOverlay(release), want == WritesLost && kept:
		return withoutKept(args)
	case want == WritesLost:
		return slices.Clone(args)
	case kept:
		args = slices.Clone(args)
	default:
		others, _ := split(args, "overlay", "overlay2")
		args = append(others, KeepWrites)
	}
	if _, set := split(args, "dcache"); len(set) == 0 {
		args = append(args, ForgetFiles)
	}
	return args
}

// withoutKept is args without flags of an overlay, and without the ForgetFiles
// that Keep adds behind one.
func withoutKept(args []string) []string {
	others, overlay := split(args, "overlay", "overlay2")
	last := len(others) - 1
	if len(overlay) > 0 && last >= 0 && others[last] == ForgetFiles && args[len(args)-1] == ForgetFiles {
		return others[:last]
	}
	return others
}

// OnlyKept reports whether args are nothing but what Keep sets.
func OnlyKept(args []string) bool {
	return len(args) == 0 || slices.Contains(args, KeepWrites) &&
		!slices.ContainsFunc(args, func(arg string) bool { return arg != KeepWrites && arg != ForgetFiles })
}
