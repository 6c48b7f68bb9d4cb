package lab

import (
	"context"
	"fmt"
)

// labDir has what the lab itself needs in a host.
const (
	labDir       = "/usr/local/lib/runsc-provisioner-lab"
	releasesDir  = labDir + "/tree"
	releasesUnit = "lab-releases.service"
)

// releasesUnitText starts the release server. Type=notify: the unit is active when it listens.
const releasesUnitText = `[Unit]
Description=Release server of the lab

[Service]
Type=notify
ExecStart=` + labDir + `/releases -dir ` + releasesDir + ` -cert ` + labDir + `/server.pem -key ` + labDir + `/server.key
`

// StopReleases stops the release server: connections are refused.
func (h *Host) StopReleases(ctx context.Context) error { return h.systemctl(ctx, "stop", releasesUnit) }

// StartReleases starts it again and returns when it listens.
func (h *Host) StartReleases(ctx context.Context) error {
	return h.systemctl(ctx, "start", releasesUnit)
}

// StartSigned starts the server of the repository that ServeSigned has made and returns when it listens: the unit
// signed.service.
func (h *Host) StartSigned(ctx context.Context) error {
	return h.Serve(ctx, "signed", SignedTree, "127.0.0.1:443")
}

// Serve starts a server like the release server, of a directory of the host, and returns when it listens.
func (h *Host) Serve(ctx context.Context, unit, dir, address string) error {
	return h.succeed(ctx, "systemd-run", "--quiet", "--unit="+unit, "--service-type=notify", labDir+"/releases",
		"-dir", dir, "-listen", address, "-cert", labDir+"/server.pem", "-key", labDir+"/server.key")
}

func (h *Host) systemctl(ctx context.Context, args ...string) error {
	return h.succeed(ctx, append([]string{"systemctl"}, args...)...)
}

func (h *Host) succeed(ctx context.Context, argv ...string) error {
	r, err := h.Run(ctx, argv...)
	if err != nil {
		return err
	}
	if r.Code != 0 {
		return fmt.Errorf("%v in %s: %s", argv, h.id, r)
	}
	return nil
}
