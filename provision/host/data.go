package host

import (
	"context"
	"path/filepath"

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

// defaultDataRoot is built into dockerd.
const defaultDataRoot = "/var/lib/docker"

// nextRoot returns the data root that dockerd would use after a restart, without what
// userns-remap appends. daemon.json decides, then the flags, then dockerd's default.
// Like dockerd, it resolves symlinks. "" means unknown.
func nextRoot(doc daemonjson.Document, flags commandline.Flags) string {
	root := defaultDataRoot
	all := doc.Options()
	if flags.DataRoot != "" {
		root = flags.DataRoot
	}
	for _, option := range []string{OptionGraph, OptionDataRoot} {
		if set := daemonjson.StringOf(all[option]); set != "" {
			root = set
		}
	}
	if !filepath.IsAbs(root) {
		return ""
	}
	root = filepath.Clean(root)
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	return root
}
