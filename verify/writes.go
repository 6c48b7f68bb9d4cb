package verify

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Writes says whether Docker keeps the changes that a container makes to its
// root file system.
type Writes string

// The values of Writes.
const (
	// WritesKept: they go to Docker's layer, as with runc, so docker cp,
	// commit, diff and export see them, and so does the container after its
	// next start.
	WritesKept Writes = "kept"
	// WritesLost: they stay in a file or memory of the sandbox and end with it.
	WritesLost Writes = "lost"
	// WritesUnknown: a program decides that is not runsc of a known release.
	WritesUnknown Writes = "unknown"
)

// The arguments of runsc under which Docker and a container see the same files.
const (
	// KeepWrites switches runsc's overlay off.
	KeepWrites = "--overlay2=none"
	// ForgetFiles makes runsc drop its cached view of a file that is not open,
	// and look at the host again. Otherwise runsc keeps using the first file it
	// saw. Then a change through a second hard link of the image reaches only
	// the first name in Docker's layer, and the container does not see a file
	// that docker cp replaced.
	ForgetFiles = "--dcache=0"
)

const (
	overlayNone = "none"
	overlaySelf = "root:self"
)

// The dates of the first release with --overlay2, and of the first where it
// defaults to root:self (gVisor's runsc/config at release-20221205.0 and
// release-20230313.0).
const (
	overlayFlagSince    = "20221205"
	overlayDefaultSince = "20230313"
)

// WritesOf says whether a runtime with these arguments keeps writes. --overlay2
// decides; of a repeated flag the last value counts. The default of runsc since
// 2023 is root:self (gVisor's runsc/config/flags.go), which loses them.
// --overlay loses them too, and --overlay2=none does not switch it off
// (GetOverlay2 in runsc/config/config.go).
func WritesOf(args []string) Writes { return writesOf(args, overlaySelf) }

// WritesUnder is WritesOf with the default of the named release: releases
// before 2023-03-13 keep the writes. A name without a date counts as a new
// release.
func WritesUnder(release string, args []string) Writes {
	if isReleasedBefore(release, overlayDefaultSince) {
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

// knowsOverlay reports whether runsc of the named release accepts --overlay2;
// an older runsc exits with an error at the unknown flag. A name without a date
// counts as a new release. Every release that accepts --overlay2 accepts
// --dcache=0 too, which is from 2022-09-13 (gVisor's commit 658ee7f7c).
func knowsOverlay(release string) bool { return !isReleasedBefore(release, overlayFlagSince) }

var releaseDate = regexp.MustCompile(`\d{8}`)

func isReleasedBefore(release, day string) bool {
	date := releaseDate.FindString(strings.ReplaceAll(release, "-", "")) // nightly: 2026-09-14
	return date != "" && date < day
}

// OverlayArgs returns the arguments that set an overlay, as written.
func OverlayArgs(args []string) []string {
	_, overlay := splitFlags(args, "overlay", "overlay2")
	return overlay
}

// RootfsArgs returns the arguments that set an overlay or how long runsc caches
// files, as written.
func RootfsArgs(args []string) []string {
	_, rootfs := splitFlags(args, "overlay", "overlay2", "dcache")
	return rootfs
}

// WithoutRootfs returns args without those that RootfsArgs returns. The result
// is never nil.
func WithoutRootfs(args []string) []string {
	others, _ := splitFlags(args, "overlay", "overlay2", "dcache")
	return others
}

// splitFlags separates the flags with these names from the other arguments. A value
// may be in the next word, except for --overlay, which is a boolean.
func splitFlags(args []string, names ...string) (others, found []string) {
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

// Keep returns args changed so that the writes are kept or lost, as want says,
// under a release. Overlay flags stay if they already have that effect, and are
// removed otherwise.
//
// WritesKept adds KeepWrites if no flag has that effect, and ForgetFiles if
// there is no --dcache; an existing --dcache is the user's choice. A release
// older than these flags gets neither, and keeps writes without them.
// WritesLost removes both again, but ForgetFiles only as the last argument,
// where WritesKept put it.
func Keep(release string, args []string, want Writes) []string {
	kept := WritesOf(args) == WritesKept
	switch {
	case !knowsOverlay(release), want == WritesLost && kept:
		return withoutKept(args)
	case want == WritesLost:
		return slices.Clone(args)
	case kept:
		args = slices.Clone(args)
	default:
		others, _ := splitFlags(args, "overlay", "overlay2")
		args = append(others, KeepWrites)
	}
	if _, set := splitFlags(args, "dcache"); len(set) == 0 {
		args = append(args, ForgetFiles)
	}
	return args
}

// withoutKept returns args without overlay flags, and without the ForgetFiles
// that Keep adds after them.
func withoutKept(args []string) []string {
	others, overlay := splitFlags(args, "overlay", "overlay2")
	last := len(others) - 1
	if len(overlay) > 0 && last >= 0 && others[last] == ForgetFiles && args[len(args)-1] == ForgetFiles {
		return others[:last]
	}
	return others
}

// OnlyKept reports whether args has nothing but what Keep adds.
func OnlyKept(args []string) bool {
	return len(args) == 0 || slices.Contains(args, KeepWrites) &&
		!slices.ContainsFunc(args, func(arg string) bool { return arg != KeepWrites && arg != ForgetFiles })
}
