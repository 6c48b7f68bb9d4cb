package dockerlog

import (
	"context"
	"testing"
	"time"

	"runsc-provisioner/provision/host"
)

// logged are units with a log of docker.service.
type logged []string

func (l logged) Unit(context.Context, string) (host.Unit, error) { return host.Unit{}, nil }
func (l logged) Said(context.Context, string, time.Time) ([]string, error) {
	return l, nil
}

func TestFault_X03_DockerdRefusesAReload(t *testing.T) {
	since := time.Date(2026, 11, 28, 20, 0, 0, 500_000_000, time.UTC)
	for line, want := range map[string]bool{
		`time="2026-11-28T20:00:00.500000000Z" level=error msg="unable to configure the Docker daemon with file /etc/docker/daemon.json: x"`: true,
		`time="2026-11-28T21:00:00.600000000+01:00" level=error msg="Error reconfiguring the daemon: invalid mirror"`:                        true,
		`time="2026-11-28T20:00:00.600000000Z" level=error msg="Error reloading configuration" error="x"`:                                    true,
		`time="2026-11-28T20:00:00.600000000Z" level=error msg="conflict labels for a=1 and a=2"`:                                            true,
		`{"error":"x","level":"error","msg":"Error reloading configuration","time":"2026-11-28T20:00:00.600000000Z"}`:                        true,
		// An earlier reload.
		`time="2026-11-28T20:00:00.400000000Z" level=error msg="Error reconfiguring the daemon: x"`: false,
		// Other lines.
		`time="2026-11-28T20:00:00.600000000Z" level=info msg="Error reconfiguring the daemon"`:      false,
		`time="2026-11-28T20:00:00.600000000Z" level=error msg="Handler for POST /x returned error"`: false,
		`Error reconfiguring the daemon`: false,
		`{"level":"error"`:               false,
		``:                               false,
	} {
		h := host.Host{Units: logged{line}}
		if got := RefusedReload(t.Context(), &h, since); got != want {
			t.Errorf("%s: got %t, want %t", line, got, want)
		}
	}
}
