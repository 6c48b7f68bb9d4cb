package transaction

import (
	"context"
	"errors"
	"path/filepath"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/wayback"
)

// observe sees what the way back depends on.
func (t *Transaction) observe(ctx context.Context) (wayback.Scene, error) {
	text, err := t.journal.File.Text()
	if err != nil {
		return wayback.Scene{}, err
	}
	sameRun := t.recoveryOptions == nil
	s := wayback.Scene{Text: t.identify(text), Carry: t.carry(text, config.RemapAny), MaxDisruption: config.DisruptionReload, SameRun: sameRun}
	if s.Unit, err = t.docker.Units.Unit(ctx, host.DockerUnit); err != nil {
		return wayback.Scene{}, blocked.SystemdSilent(err)
	}
	if !s.Unit.Running() && !(sameRun && (t.journal.Restarting || t.journal.Signalled != "")) && !(t.unitHangs && s.Unit.Changing()) {
		// dockerd may have crashed, perhaps on our SIGHUP, and systemd starts it again. A unit
		// that never settles is taken as it is.
		if s.Unit, err = t.docker.WaitSettled(ctx); err != nil && s.Unit.Name == "" {
			return wayback.Scene{}, err
		}
	}
	if !s.Unit.Running() {
		return s, nil
	}
	var info engine.Info
	if s.Engine, info, err = t.compareEngine(ctx, s.Unit); err != nil {
		return wayback.Scene{}, err
	}
	s.Carry = t.carry(text, config.RemapOf(info.UsernsRemap))
	if sameRun {
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
	mayRestart, err := t.mayRestart(ctx, info)
	if mayRestart {
		s.MaxDisruption = config.DisruptionRestart
	}
	return s, err
}

// mayRestart reports whether a recovery by a later run may restart Docker. The rules are
// those of a plan: a restart that stops containers needs a person's consent or
// max_disruption. A restart that live-restore would keep containers over is never allowed.
func (t *Transaction) mayRestart(ctx context.Context, info engine.Info) (bool, error) {
	if !plan.MayRestart(*t.recoveryOptions, info, nil) {
		return false, nil
	}
	running, err := t.docker.runningContainers(ctx, t.flags)
	return err == nil && plan.MayRestart(*t.recoveryOptions, info, running), err
}

// compareEngine compares the running dockerd with the target of the way back.
func (t *Transaction) compareEngine(ctx context.Context, unit host.Unit) (wayback.Engine, engine.Info, error) {
	info, err := t.Info(ctx)
	if err != nil {
		return wayback.EngineUnknown, info, err
	}
	is, err := t.withBuilds(wayback.CompareEngine(t.journal, unit, t.old, t.flags, info), unit)
	return is, info, err
}

func (t *Transaction) identify(text []byte) wayback.Text {
	return wayback.IdentifyText(t.journal, text)
}

// carry says what text has of the change, if it is another program's and dockerd runs with
// remap.
func (t *Transaction) carry(text []byte, remap config.Remap) wayback.Carry {
	if t.identify(text) != wayback.TextForeign {
		return wayback.CarriesNothing
	}
	return wayback.CarryOf(t.journal, text, t.old, remap)
}

// hostMoved reports whether the host changed during a way back that ended with err. Then
// the caller tries again from a new observation.
func (t *Transaction) hostMoved(ctx context.Context, s wayback.Scene, err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, errNoConsent) {
		return false
	}
	if errors.Is(err, daemonfile.ErrStale) || errors.Is(err, errForeign) && s.Text != wayback.TextForeign && s.Text != wayback.TextMerged {
		return true
	}
	unit, unitErr := t.docker.Docker(ctx)
	ourStartFailed := t.journal.Restarting && t.journal.Restarted == ""
	ourStartOnly := t.startedDocker && unit.InvocationID == t.journal.Restarted
	if unitErr != nil || ourStartFailed || ourStartOnly {
		return false
	}
	return unit.InvocationID != s.Unit.InvocationID || unit.Running() != s.Unit.Running()
}

// leftDown reports whether Docker is down because of this program.
func (t *Transaction) leftDown(ctx context.Context) bool {
	unit, err := t.docker.WaitSettled(ctx)
	if err != nil && unit.Name == "" {
		return false
	}
	current, err := t.journal.File.Text()
	scene := wayback.Scene{Text: t.identify(current), Unit: unit, SameRun: t.recoveryOptions == nil}
	return err == nil && wayback.LeftDown(t.journal, scene)
}

// left says what is left of the change.
func (t *Transaction) left(ctx context.Context) (left Left) {
	ctx = context.WithoutCancel(ctx)
	if text, err := t.docker.State().Journal().BackupText(t.journal); err == nil && text != nil {
		left.Copy = filepath.Join(t.docker.State().Journal().BackupDir(), filepath.Base(t.journal.File.Backup))
	}
	if current, err := t.journal.File.Text(); err == nil {
		switch t.identify(current) {
		case wayback.TextOld:
			left.File = FileOld
		case wayback.TextMerged:
			left.File = FileMerged
		case wayback.TextForeign:
			left.File = FileForeign
			if t.carry(current, config.RemapAny) == wayback.CarriesNothing {
				left.File = FileMerged
			}
		default:
			left.File = FileChanged
		}
	}
	unit, err := t.docker.Docker(ctx)
	switch {
	case err != nil:
		return left
	case !unit.Running():
		left.Docker = DockerStopped
		return left
	}
	switch is, _, _ := t.compareEngine(ctx, unit); is {
	case wayback.EngineRestored:
		left.Docker = DockerRestored
	case wayback.EngineNeedsReload, wayback.EngineNeedsRestart:
		left.Docker = DockerChanged
	}
	return left
}

// engineChanged reports whether dockerd's settings differ from those before the
// transaction.
func (t *Transaction) engineChanged(ctx context.Context) (bool, error) {
	unit, err := t.docker.Docker(ctx)
	if err != nil || !unit.Running() {
		return false, err
	}
	e, _, err := t.compareEngine(context.WithoutCancel(ctx), unit)
	return e == wayback.EngineNeedsReload || e == wayback.EngineNeedsRestart, err
}
