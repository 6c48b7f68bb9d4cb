package audit

import (
	"context"
	"errors"
	"io/fs"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dockerproc"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
)

// observePartly looks at the rest of a host after Observe returned observeErr,
// because containers outside a sandbox matter all the same. It returns observeErr
// if that leaves nothing to look at. If systemd cannot be asked, it connects to
// dockerd only if a dockerd process runs: a request to the socket would start one.
func observePartly(ctx context.Context, h *host.Host, c config.Config, observeErr error) (host.Observed, error) {
	o := host.Observed{Store: h.Paths.Store, Unit: host.Unit{Name: host.DockerUnit}, Journal: h.State().Journal().Open()}
	var (
		reach   *blocked.Unreachable
		refusal *blocked.Refused
		err     error
	)
	switch {
	case errors.As(observeErr, &reach) && reach.Object == "systemd":
		pid, found := dockerproc.Only(h.Paths.Proc)
		if !found {
			return o, observeErr
		}
		o.Unit.MainPID, o.Unit.ActiveState = pid, "active"
	case errors.As(observeErr, &refusal):
		if o.Unit, err = h.Docker(ctx); err != nil {
			return o, err
		}
	default:
		return o, observeErr
	}
	if o.Releases, err = h.Store().List(ctx); err != nil {
		return o, err
	}
	if o.Link, err = h.Store().LinkState(); err != nil {
		return o, err
	}
	if o.Command, o.Flags, err = h.CommandLine(o.Unit); err != nil {
		return o, err
	}
	o.File.Path = h.DaemonJSON(o.Flags)
	if !o.Unit.Running() {
		return o, nil
	}
	return o, h.ObserveEngine(ctx, c, &o, nil)
}

func partialItems(c config.Config, o host.Observed, observeErr error) []checkup.Item {
	g := plan.NewGoal(c, o)
	item := checkup.Item{Name: "systemd", Health: checkup.Unsure, Seen: observeErr.Error(), Remedy: "run it on the host to check the rest: sudo runsc-provisioner verify"}
	var refusal *blocked.Refused
	if errors.As(observeErr, &refusal) {
		item = checkup.Item{Name: refusal.Object, Health: checkup.Critical, Seen: observeErr.Error(), Remedy: "repair that first: nothing else works until then"}
		if refusal.Object == o.File.Path {
			item.Name, item.Remedy = "daemon.json", "repair the file: dockerd would refuse it too, or read it differently"
		}
		if errors.Is(observeErr, fs.ErrPermission) {
			item.Health, item.Remedy = checkup.Unsure, "run it as root"
		}
	}
	items := []checkup.Item{checkup.ReleaseItem(g), item, checkup.EngineItem(g, steps.Settings{Default: g.DefaultIn(o.File.Doc), Remap: c.Docker.Remap()})}
	return checkup.AddJournalItem(items, o.Journal)
}
