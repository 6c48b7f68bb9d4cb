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

// look sees what the way back depends on.
func (t *transaction) look(ctx context.Context) (wayback.Scene, error) {
	now, err := t.j.File.Text()
	if err != nil {
		return wayback.Scene{}, err
	}
	s := wayback.Scene{Text: t.textIs(now), Most: config.DisruptionReload, SameRun: t.later == nil}
	if s.Unit, err = t.pr.Units.Unit(ctx, host.DockerUnit); err != nil {
		return wayback.Scene{}, blocked.SystemdSilent(err)
	}
	if !s.Unit.Running() && !(s.SameRun && t.j.Restarting) && !(t.hangs && s.Unit.Changing()) {
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
	if s.Engine, live, err = t.engineIs(ctx, s.Unit); err != nil {
		return wayback.Scene{}, blocked.DockerdSilent(err)
	}
	if t.later == nil {
		if t.j.Restarting && !t.started {
			s.Most = config.DisruptionRestart
		}
		return s, nil
	}
	if u := t.later.Unattended; u != nil {
		s.Most = min(s.Most, u.MaxDisruption)
	}
	if s.Engine != wayback.EngineRestart || t.started {
		return s, nil
	}
	ok, err := t.pr.consents(ctx, *t.later, live, t.flags)
	if ok {
		s.Most = config.DisruptionRestart
	}
	return s, err
}

// engineIs compares a dockerd that runs with what the way back leads to.
func (t *transaction) engineIs(ctx context.Context, unit host.Unit) (wayback.Engine, engine.Info, error) {
	info, err := t.engineNow(ctx)
	if err != nil {
		return wayback.EngineUnseen, info, err
	}
	return wayback.CompareEngine(t.j, unit, t.old, t.flags, info), info, nil
}

func (t *transaction) target(unit host.Unit) (plan.Settings, bool) {
	return wayback.Target(t.j, unit, t.old, t.flags)
}

func (t *transaction) textIs(text []byte) wayback.Text { return wayback.TextOf(t.j, text) }

// moved reports whether the host changed under a way back that ended with err,
// so that another look is worth taking.
func (t *transaction) moved(ctx context.Context, s wayback.Scene, err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, errNoConsent) {
		return false
	}
	if errors.Is(err, daemonfile.ErrStale) || errors.Is(err, errForeign) && s.Text != wayback.TextForeign {
		return true
	}
	unit, unitErr := t.pr.Docker(ctx)
	if unitErr != nil || t.j.Restarting && t.j.Restarted == "" {
		return false // our own start has failed
	}
	if t.started && unit.InvocationID == t.j.Restarted {
		return false // only by us
	}
	return unit.InvocationID != s.Unit.InvocationID || unit.Running() != s.Unit.Running()
}
