package provision

import (
	"context"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/host"
)

// StopContainer ends a container of the dockerd of o.
func (pr *Provisioner) StopContainer(ctx context.Context, o host.Observed, id string) error {
	client, err := pr.Dial(o.Flags)
	if err != nil {
		return blocked.DockerdSilent(err)
	}
	defer client.Close()
	return client.Stop(ctx, id)
}
