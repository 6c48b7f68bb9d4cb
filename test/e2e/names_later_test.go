package e2e

import (
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// TestNames_DockerComesLater: the service began before Docker had a data root, so its unit has no mount for it. It
// starts again by itself, once.
func TestNames_DockerComesLater(t *testing.T) {
	// The lab mounts the data root. Without that, overlay2 would be on an overlay.
	h := boot(t, lab.Options{Docker: lab.DockerStopped, Files: map[string]lab.File{daemonJSON: {Content: `{"storage-driver": "vfs"}` + "\n"}}})
	h.run("umount /var/lib/docker && rmdir /var/lib/docker && cat >" + ownConfig + " <<'EOF'\n" + keepsNames + "EOF\nsystemctl start runsc-provisioner")
	h.awaits("waiting for Docker", func(s status.Status) bool { return s.State == status.StateWaiting })
	h.run("systemctl enable --now docker.socket docker")
	h.enforced()
	if n := h.run("systemctl show -P NRestarts runsc-provisioner"); n > "1" {
		t.Errorf("the service started again %s times, want once at most", n)
	}
	if err := h.LoadImage(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.enforced()
	h.run("docker network create app; for c in one two; do docker run -d --runtime=runsc --name $c --network app busybox:lab sleep 100000; done")
	h.becomes("docker exec one grep -q two.app /etc/hosts")
	h.leftAlone("one", "hosts", false)
}
