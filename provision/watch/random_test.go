package watch

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A Stamp and a Hint are found in different ways. After any change, a target
// with a new stamp must have had a hint.
func TestWhateverChangesIsHintedAt(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := newRig(t)
			r.mkdir("a/b/c")
			r.set(Target{Path: "a/b/f"}, Target{Path: "f"}, Target{Path: "a/f"}, Target{Path: "b", Tree: true})
			targets := r.targets[:len(r.targets)-len(r.barriers)]
			random := rand.New(rand.NewPCG(seed, 0))
			changed := 0
			for range 300 {
				before := r.stamps(targets)
				var done []string
				hint := r.during(func() {
					for range 1 + random.IntN(4) {
						done = append(done, r.act(random))
					}
				})
				for i, after := range r.stamps(targets) {
					if after == before[i] {
						continue
					}
					changed++
					if !slices.Contains(hint.Paths, targets[i].Path) {
						t.Fatalf("%s: got no hint at %s", strings.Join(done, "; "), targets[i].Path)
					}
				}
			}
			r.tidy()
			if changed < 100 {
				t.Errorf("only %d changes", changed)
			}
		})
	}
}

// stamps returns the stamp of each target. It has none for a directory that is
// not a tree: its content is not watched, but changes its times.
func (r *rig) stamps(targets []Target) []Stamp {
	var stamps []Stamp
	for _, target := range targets {
		stamp := StampOf([]Target{target})
		if info, err := os.Stat(target.Path); err == nil && info.IsDir() && !target.Tree {
			stamp = "a directory"
		}
		stamps = append(stamps, stamp)
	}
	return stamps
}

// act makes a random change to a few names, and says which. Many attempts fail.
func (r *rig) act(random *rand.Rand) string {
	name := func() string {
		parts := []string{}
		for range 1 + random.IntN(3) {
			parts = append(parts, []string{"a", "b", "f"}[random.IntN(3)])
		}
		return filepath.Join(parts...)
	}
	one, other := name(), name()
	var err error
	var what string
	switch random.IntN(9) {
	case 0, 1:
		what, err = "mkdir "+one, os.MkdirAll(r.path(one), 0o700)
	case 2:
		what, err = "remove "+one, os.RemoveAll(r.path(one))
	case 3, 4:
		what, err = "move "+one+" to "+other, os.Rename(r.path(one), r.path(other))
	case 5:
		what, err = "link "+one+" to "+other, os.Symlink(r.path(other), r.path(one))
	case 6, 7:
		_ = os.MkdirAll(r.path(filepath.Dir(one)), 0o700)
		what, err = "write "+one, os.WriteFile(r.path(one), nil, 0o600)
	case 8:
		what, err = "chmod "+one, os.Chmod(r.path(one), 0o700|os.FileMode(random.IntN(0o100)))
	}
	if err != nil {
		return what + " (cannot)"
	}
	return what
}
