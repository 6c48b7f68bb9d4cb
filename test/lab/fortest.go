package lab

import (
	"context"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Env switches the lab on if it is 1. So does CI=true.
const Env = "RUNSC_LAB"

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// SkipIfOff skips the test if the lab is off.
func SkipIfOff(t testing.TB) {
	t.Helper()
	if os.Getenv(Env) != "1" && os.Getenv("CI") != "true" {
		t.Skipf("the lab is off: set %s=1 (as root, on Debian or Ubuntu) to run this test", Env)
	}
}

// SeedEnv is the environment variable with the seed of an earlier test run.
const SeedEnv = "RUNSC_SEED"

// Seed returns the seed in RUNSC_SEED, or a random one, and logs it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv(SeedEnv); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", SeedEnv, err)
		}
	}
	t.Logf("%s=%d", SeedEnv, seed)
	return seed
}

// ForTest boots a host for one test and closes it when the test ends, even by a
// panic. If the lab is off it skips the test; if it is on, a host that does not
// boot is a failure.
func ForTest(t testing.TB, o Options) *Host {
	t.Helper()
	SkipIfOff(t)
	if o.Name == "" {
		name := notInName.ReplaceAllString(strings.ToLower(strings.TrimPrefix(t.Name(), "Test")), "-")
		o.Name = strings.Trim(name[:min(len(name), 40)], "-")
	}
	h, err := Boot(t.Context(), o)
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			r, err := h.Run(context.Background(), "journalctl", "--no-pager", "-n", "40", "-o", "cat")
			t.Logf("end of %s's journal (%v):\n%s", h.Name(), err, r.Stdout)
		}
		if err := h.Close(); err != nil {
			t.Errorf("lab: %v", err)
		}
	})
	return h
}
