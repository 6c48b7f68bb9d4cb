package audit

import (
	"path/filepath"
	"slices"
	"time"

	"runsc-provisioner/verify"
)

const (
	// resolveTime is how long it may take to follow the symlinks of all paths. A
	// path on a lost server blocks forever.
	resolveTime = 2 * time.Second
	// maxResolvers is how many paths are followed at once, and may block forever.
	maxResolvers = 32
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
	resolved := resolveAll(paths, filepath.EvalSymlinks, time.After(resolveTime))
	for _, c := range containers {
		for i := range c.Mounts {
			c.Mounts[i].Resolved = resolved[c.Mounts[i].Source]
		}
		for i := range c.Volumes {
			c.Volumes[i].Resolved = resolved[verify.AbsoluteDevice(c.Volumes[i].Options["device"])]
		}
	}
}

// resolveAll maps each path to its target, if that is another path. A path that
// blocks forever keeps one goroutine, and delays no other.
func resolveAll(paths []string, follow func(string) (string, error), late <-chan time.Time) map[string]string {
	slices.Sort(paths)
	paths = slices.DeleteFunc(slices.Compact(paths), func(p string) bool { return !filepath.IsAbs(p) })
	type pair struct{ from, to string }
	next, done := make(chan string, len(paths)), make(chan pair, len(paths))
	for _, path := range paths {
		next <- path
	}
	close(next)
	for range min(maxResolvers, len(paths)) {
		go func() {
			for path := range next {
				to, err := follow(path)
				if err != nil || to == path {
					to = ""
				}
				done <- pair{path, to}
			}
		}()
	}
	resolved := map[string]string{}
	for range paths {
		select {
		case p := <-done:
			if p.to != "" {
				resolved[p.from] = p.to
			}
		case <-late:
			return resolved
		}
	}
	return resolved
}
