package config

import (
	"fmt"
	"strings"

	"runsc-provisioner/verify"
)

// The values of RuntimeConfig.Rootfs. Unset is RootfsDocker for a runtime that
// this program has created, and leaves one that was there before as it is.
const (
	RootfsDocker  = "docker"  // a container's writes are kept as with runc
	RootfsSandbox = "sandbox" // gVisor's own default: they end with the sandbox
)

// validateRootfs refuses an unknown value, and arguments that say the opposite.
// key is the runtime's, dotted.
func (r Runtime) validateRootfs(key string) error {
	switch r.Rootfs {
	case "", RootfsDocker, RootfsSandbox:
	default:
		return &Error{Key: key + ".rootfs", Reason: fmt.Sprintf("%q is not one of: docker, sandbox", r.Rootfs)}
	}
	set := verify.OverlayArgs(r.Args)
	if r.Rootfs == "" || len(set) == 0 || verify.WritesOf(r.Args) == r.Writes() {
		return nil
	}
	return &Error{Key: key + ".rootfs", Reason: fmt.Sprintf("%q contradicts %s in %s.args: take one of them out", r.Rootfs, strings.Join(set, " "), key)}
}

// Writes is what an explicit Rootfs wants.
func (r Runtime) Writes() verify.Writes {
	if r.Rootfs == RootfsSandbox {
		return verify.WritesLost
	}
	return verify.WritesKept
}
