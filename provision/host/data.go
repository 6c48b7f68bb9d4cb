package host

import (
	"cmp"
	"context"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/dataroot"
)

// ObserveData reads what the dockerd of o keeps in its data root, and the limits around
// it. It takes seconds if there are large volumes. o.Engine must not be nil.
func (h *Host) ObserveData(ctx context.Context, o Observed) (*dataroot.Contents, error) {
	client, err := h.Dial(o.Flags)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	data, err := client.Data(ctx)
	if err != nil {
		return nil, blocked.DockerdSilent(err)
	}
	return dataroot.Measure(ctx, data, dataroot.Of(*o.Engine), h.Paths.State, h.Paths.Proc)
}

// nextRoot is the data root that dockerd would use after a restart, as dataroot.Next gives it.
func nextRoot(doc daemonjson.Document, flags commandline.Flags) string {
	all := doc.Options()
	return dataroot.Next(cmp.Or(daemonjson.StringOf(all[OptionDataRoot]), daemonjson.StringOf(all[OptionGraph]), flags.DataRoot))
}
