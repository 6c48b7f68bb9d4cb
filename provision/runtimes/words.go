package runtimes

import (
	"fmt"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/verify"
)

// writesLost says what does not work if a container's writes end with its sandbox.
const writesLost = "what its containers write to their root file system is lost: docker cp, commit, diff and export do not see it, and neither does the container when it starts again"

// DescribeAssumed says what a runtime without a record counts as, and why.
func DescribeAssumed(name string, origin Origin) string {
	if origin == Created {
		return fmt.Sprintf("no record says who registered runtime %s: it has a release's path and no arguments of its own, so it counts as registered by this program", name)
	}
	return fmt.Sprintf("no record says who registered runtime %s: by its path and arguments it counts as older than this program, and keeps its arguments", name)
}

// DescribeLoss says that a runtime loses writes, and which setting changes that; "" if it loses none, or if
// the configuration asks for the loss.
func DescribeLoss(c config.Config, name string, a Arguments) string {
	runtime := c.Docker.Runtimes[name]
	key := "docker.runtimes." + name
	switch {
	case a.Writes == verify.WritesKept || runtime.Rootfs != "":
		return ""
	case len(a.Explicit) > 0:
		return fmt.Sprintf("runtime %s: %s in %s.args overrides the default of %s.rootfs, and %s; if you mean this, set %s.rootfs = %q",
			name, strings.Join(a.Explicit, " "), key, key, writesLost, key, config.RootfsSandbox)
	default:
		return fmt.Sprintf("runtime %s is older than this program and keeps its arguments, and %s; set %s.rootfs = %q to change that", name, writesLost, key, config.RootfsDocker)
	}
}
