package config

import (
	"fmt"
	"strings"

	"runsc-provisioner/verify"
)

// The values of Runtime.Rootfs. If unset, a runtime that this program created gets
// RootfsDocker, and a runtime that existed before stays as it is.
const (
	RootfsDocker  = "docker"  // Docker keeps a container's writes, as with runc
	RootfsSandbox = "sandbox" // gVisor's default: writes end with the sandbox
)

// validateRootfs refuses an unknown value, and arguments that contradict it. key is the
// dotted key of the runtime.
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
	return &Error{Key: key + ".rootfs", Reason: fmt.Sprintf("%q contradicts %s in %s.args: remove one of the two", r.Rootfs, strings.Join(set, " "), key)}
}

// Writes returns what an explicit Rootfs says about writes.
func (r Runtime) Writes() verify.Writes {
	if r.Rootfs == RootfsSandbox {
		return verify.WritesLost
	}
	return verify.WritesKept
}
