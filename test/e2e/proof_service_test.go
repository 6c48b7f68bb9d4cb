package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// TestProof_OfApplyCountsForTheService: the service sees the store through a mount of its own, with other
// flags. (On bookworm, systemd gives it another /proc, with the boot id of the machine below the lab host.)
func TestProof_OfApplyCountsForTheService(t *testing.T) {
	h := boot(t, lab.Options{Suite: "trixie"})
	h.run("runsc-provisioner apply --default-runtime && systemctl start runsc-provisioner")
	for _, item := range h.enforced().Host {
		if item.Name == "runtime runsc" && !strings.HasSuffix(item.Seen, "(proven)") {
			t.Errorf("got %q, want what apply has proven", item.Seen)
		}
	}
}
