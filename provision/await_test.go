package provision

import (
	"context"
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/host"
)

func TestFault_R01_NoWaitForADirectoryOnANewHost(t *testing.T) {
	pr := Provisioner{Host: host.Host{Paths: host.Paths{State: t.TempDir()}}}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if back, err := pr.waitForDir(ended, filepath.Join(t.TempDir(), "docker", "daemon.json")); back || err != nil {
		t.Errorf("got %v, %v, want no wait: its context has ended", back, err)
	}
}
