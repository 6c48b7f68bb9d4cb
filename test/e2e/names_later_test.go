package e2e

import (
	"testing"

	"runsc-provisioner/test/lab"
)

// TestNames_DockerComesLater: the service began before Docker had a data root, so its unit has no mount for it. It
// starts again by itself, once.
func TestNames_DockerComesLater(t *testing.T) {
	h := boot(t, lab.Options{Docker: lab.DockerStopped})
	h.run("rm -rf /var/lib/docker; cat >" + ownConfig + " <<'EOF'\n" + keepsNames + "EOF\nsystemctl start runsc-provisioner; systemctl enable --now docker.socket docker")
	if err := h.LoadImage(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.enforced()
	h.run("docker network create app; for c in one two; do docker run -d --runtime=runsc --name $c --network app busybox:lab sleep 100000; done")
	h.becomes("docker exec one grep -q two.app /etc/hosts")
	h.leftAlone("one", "hosts", false)
}
