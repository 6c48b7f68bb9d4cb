package verify

import "strings"

// Annotations with which a container chooses an overlay for itself. Every
// container may set the first two (runsc/config/flags.go, overrideAllowlist;
// --overlay only with --allow-flag-override); the prefix belongs to a root file
// system of its own (runsc/boot/mount_hints.go).
const (
	overlayAnnotation  = annotationPrefix + "overlay"
	overlay2Annotation = annotationPrefix + "overlay2"
	rootfsAnnotation   = "dev.gvisor.spec.rootfs."
)

// SandboxWrites says whether Docker keeps what a running container writes to
// its root file system, by the arguments that its sandbox was started with: a
// change of the runtime does not reach a sandbox that runs. It is "" if the
// process is no sandbox of a release, or if it could not be read. It is pure.
func SandboxWrites(c Container, e Evidence, releases []Release) Writes {
	file := identify(e.Process.Exe, releases)
	if e.Gap != Complete || !file.boots() || e.Process.ArgvCut || len(e.Process.Argv) < 2 {
		return ""
	}
	if medium, set := c.Annotations[rootfsAnnotation+"overlay"]; set && medium != overlayNone {
		return WritesLost
	}
	return WritesUnder(file.Release, untilCommand(e.Process.Argv[1:]))
}

// ChoosesOverlay reports whether the container's own annotations decide what
// becomes of its writes. Then another start does not change that.
func (c Container) ChoosesOverlay() bool {
	for key := range c.Annotations {
		if key == overlayAnnotation || key == overlay2Annotation || strings.HasPrefix(key, rootfsAnnotation) {
			return true
		}
	}
	return false
}
