package inventory

import (
	"path/filepath"
	"slices"
	"time"
)

const (
	// LookTime is how long it may take to look at all paths. A path on a lost server
	// blocks forever.
	LookTime = 2 * time.Second
	// maxLookers is how many paths are looked at at once, and may block forever.
	maxLookers = 32
)

// LookAt maps each absolute path to what look sees there. look's second value is false
// if it sees nothing, and the path is then left out, as is one that was not looked at
// when late arrives. A path that blocks forever keeps one goroutine, and delays no
// other.
func LookAt[T any](paths []string, look func(path string) (T, bool), late <-chan time.Time) map[string]T {
	slices.Sort(paths)
	paths = slices.DeleteFunc(slices.Compact(paths), func(p string) bool { return !filepath.IsAbs(p) })
	type sight struct {
		path string
		what T
		some bool
	}
	next, done := make(chan string, len(paths)), make(chan sight, len(paths))
	for _, path := range paths {
		next <- path
	}
	close(next)
	for range min(maxLookers, len(paths)) {
		go func() {
			for path := range next {
				what, some := look(path)
				done <- sight{path, what, some}
			}
		}()
	}
	seen := map[string]T{}
	for range paths {
		select {
		case s := <-done:
			if s.some {
				seen[s.path] = s.what
			}
		case <-late:
			return seen
		}
	}
	return seen
}
