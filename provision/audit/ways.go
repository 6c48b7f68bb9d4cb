package audit

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/verify"
)

// fillWays fills in the ways around the sandboxes of a report's containers. It
// first asks dockerd and the host where volumes and paths lead, and which
// namespaces are joined.
func fillWays(ctx context.Context, h *host.Host, o host.Observed, report *verify.Report) error {
	containers := make([]*verify.Container, len(report.Verdicts))
	for i := range report.Verdicts {
		containers[i] = &report.Verdicts[i].Container
	}
	if slices.ContainsFunc(containers, func(c *verify.Container) bool { return len(c.Volumes)+len(c.Joins) > 0 }) {
		client, err := h.Dial(o.Flags)
		if err != nil {
			return err
		}
		defer client.Close()
		if err := fillVolumes(ctx, client, containers); err != nil {
			return blocked.DockerdSilent(err)
		}
		followJoins(containers, func(name string) (verify.Container, bool) {
			c, found, err := client.Requested(ctx, name)
			return c, found && err == nil
		})
		if ctx.Err() != nil {
			return &blocked.Unreachable{Object: "dockerd", Err: context.Cause(ctx)}
		}
	}
	if h.Paths.Proc == host.DefaultPaths().Proc { // else the paths are another host's
		fillPaths(containers)
	}
	more := hostPaths(h, o)
	for i := range report.Verdicts {
		report.Verdicts[i].Ways = verify.WaysAround(report.Verdicts[i].Container, report.Verdicts[i].Inside, more)
	}
	return nil
}

// hostPaths are the paths that lead around a sandbox on this host, in addition to
// those of every host.
func hostPaths(h *host.Host, o host.Observed) []verify.HostPath {
	list := []verify.HostPath{
		{Path: h.Paths.State, Gives: "control of what runsc-provisioner does as root, and the copies of daemon.json", Secret: true},
		{Path: h.Paths.Config, Gives: "control of what runsc-provisioner does as root"},
		{Path: h.Paths.Store, Gives: "gVisor itself"},
	}
	for _, store := range h.Stores()[1:] {
		list = append(list, verify.HostPath{Path: store.Dir, Gives: "gVisor itself, for containers of an earlier store"})
	}
	if o.File.Path != "" {
		list = append(list, verify.HostPath{Path: o.File.Path, Gives: "dockerd's configuration"})
	}
	for _, host := range append(slices.Clone(o.Flags.Hosts), "unix://"+h.Socket(o.Flags)) {
		if path, found := commandline.UnixSocket([]string{host}, h.Paths.Socket); found {
			list = append(list, verify.HostPath{Path: path, Gives: "dockerd's API, which starts any container, even as root on the host", Secret: true, Socket: true})
		}
	}
	if o.Engine != nil && o.Engine.RootDir != "" {
		list = append(list, verify.HostPath{Path: o.Engine.RootDir, Gives: "every container's files", Secret: true})
	}
	for i := range list {
		list[i].Path = filepath.Clean(list[i].Path)
	}
	return list
}

// fillVolumes asks dockerd for the options of all volumes at once.
func fillVolumes(ctx context.Context, client host.Engine, containers []*verify.Container) error {
	if !slices.ContainsFunc(containers, func(c *verify.Container) bool { return len(c.Volumes) > 0 }) {
		return nil
	}
	known, err := client.VolumeOptions(ctx)
	var unread *engine.Unreadable
	if err != nil && !errors.As(err, &unread) {
		return err
	}
	for _, c := range containers {
		for i := range c.Volumes {
			v := &c.Volumes[i]
			if options, found := known[v.Name]; found {
				v.Options = options
			}
			v.Unread = err
		}
	}
	return nil
}

// followJoins finds the owners of the namespaces that containers join; an owner may
// have joined another one. other looks up a container that is not in the list.
func followJoins(containers []*verify.Container, other func(name string) (verify.Container, bool)) {
	known := map[string]*verify.Container{}
	for _, c := range containers {
		known[c.ID], known[c.Name] = c, c
	}
	find := func(name string) *verify.Container {
		c, seen := known[name]
		if !seen {
			if found, ok := other(name); ok {
				c = &found
			}
			known[name] = c
		}
		return c
	}
	var leads func(c *verify.Container, kind string, passed []*verify.Container) verify.Leads
	leads = func(c *verify.Container, kind string, passed []*verify.Container) verify.Leads {
		switch {
		case c == nil || slices.Contains(passed, c): // dockerd allows no cycle
			return verify.ToNothing
		case slices.Contains(c.HostNamespaces, kind):
			return verify.ToHost
		}
		for _, join := range c.Joins {
			if join.Kind == kind {
				return leads(find(join.Container), kind, append(passed, c))
			}
		}
		return verify.ToOwn
	}
	for _, c := range containers {
		for i, join := range c.Joins {
			c.Joins[i].Leads = leads(find(join.Container), join.Kind, []*verify.Container{c})
		}
	}
}
