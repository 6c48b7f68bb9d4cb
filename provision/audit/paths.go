package audit

import (
	"path/filepath"
	"time"

	"runsc-provisioner/provision/inventory"
	"runsc-provisioner/verify"
)

// fillPaths follows symlinks. A path that cannot be followed in time counts as it
// is written.
func fillPaths(containers []*verify.Container) {
	var paths []string
	for _, c := range containers {
		for _, m := range c.Mounts {
			paths = append(paths, m.Source)
		}
		for _, v := range c.Volumes {
			paths = append(paths, verify.AbsoluteDevice(v.Options["device"]))
		}
	}
	resolved := inventory.LookAt(paths, resolve, time.After(inventory.LookTime))
	for _, c := range containers {
		for i := range c.Mounts {
			c.Mounts[i].Resolved = resolved[c.Mounts[i].Source]
		}
		for i := range c.Volumes {
			c.Volumes[i].Resolved = resolved[verify.AbsoluteDevice(c.Volumes[i].Options["device"])]
		}
	}
}

// resolve returns the target of a path, if that is another path.
func resolve(path string) (to string, another bool) {
	to, err := filepath.EvalSymlinks(path)
	return to, err == nil && to != path
}
