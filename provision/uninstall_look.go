package provision

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/earlier"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/prepare"
	"runsc-provisioner/provision/runtimes"
)

// containersTime limits how long dockerd may take to tell the runtimes of all containers. A thousand take about a second.
const containersTime = time.Minute

// observeAny observes a host on which Docker may be missing or masked.
func (pr *Provisioner) observeAny(ctx context.Context, c config.Config) (host.Observed, error) {
	if c.Docker.Remap() == config.RemapAny {
		c.Docker.UsernsRemap = config.RemapDisabled // the ids are observed only if it is managed
	}
	unit, err := pr.dockerUnit(ctx)
	if err != nil {
		return host.Observed{}, err
	}
	if unit.LoadState != "loaded" && !unit.Running() {
		return pr.ObserveFiles(ctx, c, unit)
	}
	return pr.ObserveWith(ctx, c, unit, nil)
}

// dockerUnit is docker.service. Its LoadState is "loaded" only if it runs a dockerd, or would. A removed package of Debian
// leaves /etc/init.d/docker, and systemd generates a docker.service from that.
func (pr *Provisioner) dockerUnit(ctx context.Context) (host.Unit, error) {
	unit, err := pr.WaitSettled(ctx)
	if err != nil || unit.LoadState != "loaded" || unit.Running() {
		return unit, err
	}
	if _, _, err := pr.CommandLine(unit); err != nil {
		unit.LoadState = "bad-setting" // as systemd calls a unit that it cannot start
	}
	return unit, nil
}

// planUninstall plans for o, and adds to it what the plan needs.
func (pr *Provisioner) planUninstall(ctx context.Context, c config.Config, o *host.Observed, opts plan.Options) (plan.Plan, config.Config, error) {
	if len(o.Refusals) > 0 {
		return plan.Plan{}, c, o.Refusals[0]
	}
	if o.Journal != nil && o.Unit.LoadState != "loaded" {
		o.Journal = nil // without Docker nothing can settle it, and nothing needs it
	}
	before, err := earlier.Of(c, *o, opts.Uninstall.AssumeUnset)
	if err != nil {
		return plan.Plan{}, c, err
	}
	gone := plan.WithoutProgram(c, *o, before)
	if plan.NeedsData(gone, *o, opts) {
		if o.Data, err = pr.ObserveData(ctx, *o); err != nil {
			return plan.Plan{}, c, err
		}
	}
	u := *opts.Uninstall
	if u.Containers, err = pr.containersByRuntime(ctx, *o); err != nil {
		return plan.Plan{}, c, err
	}
	if u.Service, err = pr.Units.Unit(ctx, host.ServiceUnit); err != nil {
		return plan.Plan{}, c, blocked.SystemdSilent(err)
	}
	u.Recorded, u.Elsewhere = pr.isRecorded(*o), pr.elsewhere(*o)
	if u.Purge {
		u.Own = pr.ownPaths()
	}
	opts.Uninstall = &u
	p, err := plan.NewUninstall(c, gone, *o, before, opts)
	return p, gone, err
}

// checkUninstall is prepare.Check, where there is a Docker.
func (pr *Provisioner) checkUninstall(ctx context.Context, p plan.Plan, o host.Observed, depth prepare.Depth) error {
	if o.Unit.LoadState != "loaded" {
		return nil
	}
	_, err := prepare.Check(ctx, &pr.Host, p, o, depth, nil)
	var declare *prepare.DeclareError
	if errors.As(err, &declare) {
		return declare.Refused // there is nothing to declare elsewhere
	}
	return err
}

// containersByRuntime lists the containers of the running dockerd.
func (pr *Provisioner) containersByRuntime(ctx context.Context, o host.Observed) (all []plan.Container, err error) {
	if o.Engine == nil {
		return nil, nil
	}
	client, err := pr.Dial(o.Flags)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var stored []engine.StoredContainer
	err = host.Ask(ctx, containersTime, func(ctx context.Context) (err error) {
		stored, _, err = client.Stored(ctx, math.MaxInt, false)
		return err
	})
	if err != nil {
		return nil, blocked.DockerdSilent(err)
	}
	for _, c := range stored {
		isRunning := c.State == "running" || c.State == "paused" || c.State == "restarting"
		all = append(all, plan.Container{Name: c.Name, Runtime: c.Runtime, Running: isRunning})
	}
	return all, nil
}

// isRecorded reports whether records say that this program manages something.
func (pr *Provisioner) isRecorded(o host.Observed) bool {
	accepted := pr.ConfigFiles().Accepted()
	return o.HadUnrecordedVersion() || o.Before != nil && len(o.Before.Files) > 0 || accepted.Found || accepted.Damage != nil
}

// elsewhere lists the files that dockerd read as daemon.json before, and that still name a release.
func (pr *Provisioner) elsewhere(o host.Observed) (paths []string) {
	if o.Before == nil {
		return nil
	}
	for path := range o.Before.Files {
		file, err := daemonfile.Read(path)
		if path == o.File.Path || err != nil {
			continue
		}
		for _, runtime := range file.Doc.Runtimes() {
			if runtimes.RunsRelease(o, runtime.Path) && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return paths
}
