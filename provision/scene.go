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
)

// look sees what the way back depends on.
func (t *transaction) look(ctx context.Context) (scene, error) {
	now, err := t.j.File.Text()
	if err != nil {
		return scene{}, err
	}
	s := scene{text: t.textIs(now), most: config.DisruptionReload, sameRun: t.later == nil}
	if s.unit, err = t.pr.Units.Unit(ctx, host.DockerUnit); err != nil {
		return scene{}, blocked.SystemdSilent(err)
	}
	if !s.unit.Running() && !(s.sameRun && t.j.Restarting) && !(t.hangs && s.unit.Changing()) {
		// A crash, perhaps of our SIGHUP, that systemd starts it again after. One that
		// is at it for ever is looked at as it is.
		if s.unit, err = t.pr.Settled(ctx); err != nil && s.unit.Name == "" {
			return scene{}, err
		}
	}
	if !s.unit.Running() {
		return s, nil
	}
	var live engine.Info
	if s.engine, live, err = t.engineIs(ctx, s.unit); err != nil {
		return scene{}, blocked.DockerdSilent(err)
	}
	if t.later == nil {
		if t.j.Restarting && !t.started {
			s.most = config.DisruptionRestart
		}
		return s, nil
	}
	if u := t.later.Unattended; u != nil {
		s.most = min(s.most, u.Most)
	}
	if s.engine != engineRestart || t.started {
		return s, nil
	}
	ok, err := t.pr.consents(ctx, *t.later, live, t.flags)
	if ok {
		s.most = config.DisruptionRestart
	}
	return s, err
}

// engineIs compares a dockerd that runs with what the way back leads to.
func (t *transaction) engineIs(ctx context.Context, unit host.Unit) (engineIs, engine.Info, error) {
	info, err := t.engineNow(ctx)
	if err != nil {
		return engineUnseen, info, err
	}
	return compareEngine(t.j, unit, t.old, t.flags, info), info, nil
}

func (t *transaction) target(unit host.Unit) (plan.Settings, bool) {
	return target(t.j, unit, t.old, t.flags)
}

func (t *transaction) textIs(text []byte) textIs { return textOf(t.j, text) }

// moved reports whether the host changed under a way back that ended with err,
// so that another look is worth taking.
func (t *transaction) moved(ctx context.Context, s scene, err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, errNoConsent) {
		return false
	}
	if errors.Is(err, daemonfile.ErrStale) || errors.Is(err, errForeign) && s.text != textForeign {
		return true
	}
	unit, unitErr := t.pr.Docker(ctx)
	if unitErr != nil || t.j.Restarting && t.j.Restarted == "" {
		return false // our own start has failed
	}
	if t.started && unit.InvocationID == t.j.Restarted {
		return false // only by us
	}
	return unit.InvocationID != s.unit.InvocationID || unit.Running() != s.unit.Running()
}
