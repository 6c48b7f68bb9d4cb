package doctor

import (
	"context"
	"errors"
	"fmt"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
)

// dockerLook is what is seen of Docker part by part: what is broken, or hangs,
// hides nothing else.
type dockerLook struct {
	// Of observed only what has no error here was looked at.
	observed  host.Observed
	unitErr   error // systemd did not say
	loadErr   error // the unit is not there, or masked
	flagsErr  error // its command line is not understood
	fileErr   error
	engineErr error
	// taken says that dockerd itself takes the file, takenErr that it would not
	// start from it. With neither it could not be asked.
	accepted  bool
	rejection error
}

// errNotAsked says why dockerd was not asked: a request would start it.
var errNotAsked = errors.New("not asked")

// lookAtDocker looks at each part of Docker by itself, and changes nothing.
func lookAtDocker(ctx context.Context, h *host.Host, c config.Config) dockerLook {
	var look dockerLook
	o := &look.observed
	o.Unit, look.unitErr = h.AskUnit(ctx, host.DockerUnit)
	if look.unitErr == nil {
		look.loadErr = h.AskBounded(ctx, func(ctx context.Context) error { return h.Loaded(ctx, o.Unit) })
	}
	switch {
	case look.unitErr != nil:
		look.flagsErr = look.unitErr
		// It is to be shown only. Whose process it is nobody says, so neither its
		// file is read nor its socket opened.
		if pid, found := host.HostDockerd(h.Paths.Proc); found {
			o.Command, look.flagsErr = engine.CommandLine(h.Paths.Proc, engine.Service{MainPID: pid})
		}
	case look.loadErr != nil:
		look.flagsErr = look.loadErr
	default:
		o.Command, o.Flags, look.flagsErr = h.ObserveFlags(o.Unit)
		if look.flagsErr == nil {
			o.Conflicts, look.flagsErr = h.ObserveConflicts(o.Unit)
		}
	}
	path := h.DaemonJSONOf(o.Flags)
	if o.File, look.fileErr = daemonfile.Read(path); look.fileErr != nil {
		o.File = daemonfile.File{Path: path}
	}
	switch {
	case look.unitErr != nil:
		look.engineErr = fmt.Errorf("%w: systemd does not say whether it runs", errNotAsked)
	case !o.Unit.Running():
		look.engineErr = fmt.Errorf("%w: Docker does not run", errNotAsked)
	case look.flagsErr != nil:
		look.engineErr = fmt.Errorf("%w: where it listens is not known", errNotAsked)
	default:
		look.engineErr = h.AskBounded(ctx, func(ctx context.Context) error { return h.ObserveEngine(ctx, c, o, nil) })
	}
	return look
}
