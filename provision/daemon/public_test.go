package daemon

import (
	"errors"
	"fmt"
	"testing"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/status"
)

// systemd shows this sentence to every user.
func TestFault_X18_TheUnitsStatusHasNoTextOfOthers(t *testing.T) {
	const quoted = `dockerd says "hunter2"`
	for _, tt := range []struct {
		situation, waiting string
		status             status.Status
		want               string
	}{
		{"an error about a file", "", status.Status{Error: quoted, Object: "/etc/docker/daemon.json"}, "failing: /etc/docker/daemon.json (sudo runsc-provisioner status says why)"},
		{"an error about nothing known", "", status.Status{Error: quoted}, "failing: the last look failed (sudo runsc-provisioner status says why)"},
		{"dockerd does not answer", quoted, status.Status{Object: "dockerd"}, "waiting: dockerd (sudo runsc-provisioner status says why)"},
		{"Docker is stopped", "docker.service is inactive", status.Status{}, "waiting: docker.service is inactive"},
		{"an item is critical", "", status.Status{Host: []checkup.Item{{Name: "runtime runsc", Health: checkup.Critical, Seen: quoted}}}, "failing: runtime runsc (sudo runsc-provisioner status says why)"},
		{"all is well", "", status.Status{Release: "20260914.0", Wanted: status.Wanted{Runtimes: []string{"runsc"}}}, "enforced: gVisor 20260914.0 as runsc"},
	} {
		tt.status.Sum(tt.waiting)
		if got := tt.status.Public(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.situation, got, tt.want)
		}
	}
}

func TestFault_X18_TheUnitsStatusNamesOnlyOurOwnReasons(t *testing.T) {
	known := &blocked.Unreachable{Object: "docker.service", Err: fmt.Errorf("systemd says \"hunter2\": %w", blocked.ErrNotInstalled)}
	if got, want := unreachableObject(known), "docker.service: "+blocked.ErrNotInstalled.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := unreachableObject(&blocked.Unreachable{Object: "dockerd", Err: errors.New("hunter2")}); got != "dockerd" {
		t.Errorf("got %q, want dockerd", got)
	}
}
