package audit

import (
	"context"
	"errors"
	"io/fs"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// observePartly looks at what can be seen of a host of which something could
// not be: which containers run outside a sandbox is worth knowing all the same.
// why is Observe's error, and given back where that is not of such a kind. Where
// systemd cannot be asked, dockerd is spoken to only when a process of it is
// seen to run: a request to its socket would start it.
func observePartly(ctx context.Context, h *host.Host, c config.Config, why error) (host.Observed, error) {
	o := host.Observed{Store: h.Paths.Store, Unit: host.Unit{Name: host.DockerUnit}}
	var (
		reach   *blocked.Unreachable
		refusal *blocked.Refused
		err     error
	)
	switch {
	case errors.As(why, &reach) && reach.Object == "systemd":
		pid, found := host.HostDockerd(h.Paths.Proc)
		if !found {
			return o, why
		}
		o.Unit.MainPID, o.Unit.ActiveState = pid, "active"
	case errors.As(why, &refusal):
		if o.Unit, err = h.Docker(ctx); err != nil {
			return o, err
		}
	default:
		return o, why
	}
	if o.Releases, err = h.Store().List(); err != nil {
		return o, err
	}
	if o.Link, err = h.Store().LinkState(); err != nil {
		return o, err
	}
	if o.Command, o.Flags, err = h.ObserveFlags(o.Unit); err != nil {
		return o, err
	}
	o.File.Path = h.DaemonJSONOf(o.Flags)
	if !o.Unit.Running() {
		return o, nil
	}
	return o, h.ObserveEngine(ctx, c, &o, nil)
}

func partialItems(c config.Config, o host.Observed, why error) []checkup.Item {
	g := plan.NewGoal(c, o)
	item := checkup.Item{Name: "systemd", Health: checkup.Unsure, Seen: why.Error(), Remedy: "run it on the host for the rest: sudo runsc-provisioner verify"}
	var refusal *blocked.Refused
	if errors.As(why, &refusal) {
		item = checkup.Item{Name: refusal.Object, Health: checkup.Critical, Seen: why.Error(), Remedy: "mend that first: nothing else can be done here before"}
		if refusal.Object == o.File.Path {
			item.Name, item.Remedy = "daemon.json", "mend the file: dockerd would not read it either, or read it in another way"
		}
		if errors.Is(why, fs.ErrPermission) {
			item.Health, item.Remedy = checkup.Unsure, "run it as root"
		}
	}
	return []checkup.Item{checkup.ReleaseItem(g), item, checkup.EngineItem(g, plan.Settings{Default: c.Docker.DefaultRuntime, Remap: c.Docker.Remap()})}
}
