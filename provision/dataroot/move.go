package dataroot

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"runsc-provisioner/provision/engine"
)

// StartObjection is why dockerd would not start c with userns-remap (moby daemon/daemon_unix.go,
// verifyPlatformContainerSettings), or "".
func StartObjection(c engine.StoredContainer) string {
	switch {
	case c.UsernsMode == "host":
		return ""
	case c.Privileged:
		return "privileged"
	case slices.Contains(c.HostNamespaces, "network"):
		return "host network"
	case slices.Contains(c.HostNamespaces, "pid"):
		return "host processes"
	}
	return ""
}

// CopyCommand is the command that copies a volume after the switch. Inside a container, tar gives the files to
// the remapped ids.
func CopyCommand(v engine.Volume) string {
	switch {
	case v.Driver != "local" || v.Mountpoint == "":
		return "driver " + v.Driver
	case v.Mounts:
		return "its options mount something: create it again with the same options"
	}
	return fmt.Sprintf("tar --numeric-owner -C %s -cf - . | docker run --rm -i -v %s:/to IMAGE tar -C /to -xf -", quoted(v.Mountpoint), quoted(v.Name))
}

// shellSafe are words that a shell needs no quotes for.
var shellSafe = regexp.MustCompile(`^[a-zA-Z0-9_./-]+$`)

// quoted is s as one word for a shell.
func quoted(s string) string {
	if shellSafe.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
