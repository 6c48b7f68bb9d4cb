// Package need skips tests on a machine that lacks something.
package need

import (
	"os"
	"testing"
)

// Root skips the test unless it runs as root. In CI it never skips: there the test
// fails without root, so that CI always runs every test.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 && os.Getenv("CI") != "true" {
		t.Skip("needs root")
	}
}
