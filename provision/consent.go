package provision

import (
	"context"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/plan"
)

// consents reports whether a recovery by a later run with opts may restart
// Docker: as far as a plan of that run might. A restart that would stop
// containers needs the consent of a person, or max_disruption, and one that
// live-restore would keep containers over is never consented to.
func (pr *Provisioner) consents(ctx context.Context, opts plan.Options, info engine.Info, flags engine.Flags) (bool, error) {
	if !plan.MayRestart(opts, info, nil) {
		return false, nil
	}
	client, err := pr.Dial(flags)
	if err != nil {
		return false, blocked.DockerdSilent(err)
	}
	defer client.Close()
	running, err := client.Names(ctx)
	if err != nil {
		return false, blocked.DockerdSilent(err)
	}
	return plan.MayRestart(opts, info, running), nil
}

// withoutRestart are the options of a run that consents to none.
func withoutRestart() plan.Options {
	return plan.Options{Unattended: &plan.Unattended{MaxDisruption: config.DisruptionReload}}
}
