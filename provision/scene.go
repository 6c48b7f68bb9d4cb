package provision

import (
	"context"
	"errors"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/wayback"
)

// observe sees what the way back depends on.
func (t *transaction) observe(ctx context.Context) (wayback.Scene, error) {
	now, err := t.journal.File.Text()
	if err != nil {
		return wayback.Scene{}, err
	}
	s := wayback.Scene{Text: t.identify(now), MaxDisruption: config.DisruptionReload, SameRun: t.recoveryOptions == nil}
	if s.Unit, err = t.pr.Units.Unit(ctx, host.DockerUnit); err != nil {
		return wayback.Scene{}, blocked.SystemdSilent(err)
	}
	if !s.Unit.Running() && !(s.SameRun && t.journal.Restarting) && !(t.unitHangs && s.Unit.Changing()) {
		// A crash, perhaps of our SIGHUP, that systemd starts it again after. One that
		// is at it for ever is looked at as it is.
		if s.Unit, err = t.pr.Settled(ctx); err != nil && s.Unit.Name == "" {
			return wayback.Scene{}, err
		}
	}
	if !s.Unit.Running() {
		return s, nil
	}
	var live engine.Info
	if s.Engine, live, err = t.compareEngine(ctx, s.Unit); err != nil {
		return wayback.Scene{}, blocked.DockerdSilent(err)
	}
	if t.recoveryOptions == nil {
		if t.journal.Restarting && !t.startedDocker {
			s.MaxDisruption = config.DisruptionRestart
		}
		return s, nil
	}
	if u := t.recoveryOptions.Unattended; u != nil {
		s.MaxDisruption = min(s.MaxDisruption, u.MaxDisruption)
	}
	if s.Engine != wayback.EngineNeedsRestart || t.startedDocker {
		return s, nil
	}
	ok, err := t.pr.consents(ctx, *t.recoveryOptions, live, t.flags)
	if ok {
		s.MaxDisruption = config.DisruptionRestart
	}
	return s, err
}

// compareEngine compares a dockerd that runs with what the way back leads to.
func (t *transaction) compareEngine(ctx context.Context, unit host.Unit) (wayback.Engine, engine.Info, error) {
	info, err := t.engineNow(ctx)
	if err != nil {
		return wayback.EngineUnknown, info, err
	}
	return wayback.CompareEngine(t.journal, unit, t.old, t.flags, info), info, nil
}

func (t *transaction) target(unit host.Unit) (plan.Settings, bool) {
	return wayback.Target(t.journal, unit, t.old, t.flags)
}

func (t *transaction) identify(text []byte) wayback.Text {
	return wayback.IdentifyText(t.journal, text)
}

// hostMoved reports whether the host changed under a way back that ended with err,
// so that another look is worth taking.
func (t *transaction) hostMoved(ctx context.Context, s wayback.Scene, err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, errNoConsent) {
		return false
	}
	if errors.Is(err, daemonfile.ErrStale) || errors.Is(err, errForeign) && s.Text != wayback.TextForeign {
		return true
	}
	unit, unitErr := t.pr.Docker(ctx)
	if unitErr != nil || t.journal.Restarting && t.journal.Restarted == "" {
		return false // our own start has failed
	}
	if t.startedDocker && unit.InvocationID == t.journal.Restarted {
		return false // only by us
	}
	return unit.InvocationID != s.Unit.InvocationID || unit.Running() != s.Unit.Running()
}
