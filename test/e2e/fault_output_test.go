package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// Nothing reads the output of apply, or there is no room for it: apply does its work, and its exit code says how
// that went.
func TestFault_X14_AnOutputThatIsLost(t *testing.T) {
	h := boot(t, lab.Options{})
	took := func(release string) {
		t.Helper()
		if got, want := h.dockerHas(), "runsc "+store+"/"+release+"/runsc"; got != want {
			t.Errorf("got dockerd with %s, want %s", got, want)
		}
		if left := h.run("ls /var/lib/runsc-provisioner/journal.json 2>/dev/null; ls -A " + store + " | grep runsc-provisioner- || true"); left != "" {
			t.Errorf("left behind: %s", left)
		}
	}
	apply := "runsc-provisioner apply --default-runtime --allow-downgrade --release "
	if got := h.run("{ " + apply + older + "; echo $? >/root/code; } | head -1; cat /root/code"); !strings.HasSuffix(got, "\n0") {
		t.Errorf("got %q, want one line and exit 0", got)
	}
	took(older)
	h.run(apply + newer + " >/dev/full 2>/dev/full")
	took(newer)
	// No file that apply opens may become its standard output.
	h.run(apply + older + " >&- 2>&- <&-")
	took(older)
	if got := h.run("stat -c %s /var/lib/runsc-provisioner/lock"); got != "0" {
		t.Errorf("got %s bytes in the lock", got)
	}
	// The reader has closed both streams.
	h.run("{ " + apply + newer + " 2>&1; echo $? >/root/code; } | true; [ $(cat /root/code) = 0 ]")
	took(newer)
	for _, command := range []string{"plan", "status", "config show"} {
		h.exit(1, "runsc-provisioner "+command+" >/dev/full")
	}
	h.exit(3, "runsc-provisioner doctor >/dev/full")
	h.exit(3, "runsc-provisioner verify >/dev/full")
}
