package provision

import (
	"context"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/host"
)

func TestFault_R01_AHostThatWasNeverProvisionedDoesNotWait(t *testing.T) {
	h := Provisioner{Host: host.Host{Paths: host.Paths{State: t.TempDir()}}}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if back, err := h.waitForDir(ended, filepath.Join(t.TempDir(), "docker", "daemon.json")); back || err != nil {
		t.Errorf("got %v, %v, want no wait, which the end of its context would show", back, err)
	}
}
