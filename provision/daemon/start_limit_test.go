package daemon

import (
	"testing"
	"time"
)

// Debian's docker.service may be started three times in a minute (StartLimitBurst,
// StartLimitIntervalSec). Restarts of ours alone must never reach that.
func TestRestartsOfOursStayBelowSystemdsStartLimit(t *testing.T) {
	const burst, interval = 3, time.Minute
	if (burst-1)*restartEvery <= interval {
		t.Errorf("got a restart each %s, want fewer than %d in %s", restartEvery, burst, interval)
	}
}
