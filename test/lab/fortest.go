package lab

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Env switches the lab on if it is 1. So does CI=true.
const Env = "RUNSC_LAB"

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// ForTest boots a host for one test and closes it when the test ends, even by a
// panic. If the lab is off it skips the test; if it is on, a host that does not
// boot is a failure.
func ForTest(t testing.TB, o Options) *Host {
	t.Helper()
	if os.Getenv(Env) != "1" && os.Getenv("CI") != "true" {
		t.Skipf("the lab is off: set %s=1 (as root, on Debian or Ubuntu) to run this test", Env)
	}
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
