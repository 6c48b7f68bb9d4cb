package doctor

import (
	"context"
	"errors"
	"fmt"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/dockerproc"
	"runsc-provisioner/provision/host"
)

// dockerLook is what each part of Docker shows. A part that is broken or hangs
// hides no other.
type dockerLook struct {
	// observed holds only the parts that have no error here.
	observed  host.Observed
	unitErr   error // systemd did not answer
	loadErr   error // the unit is missing or masked
	flagsErr  error // its command line could not be parsed
	fileErr   error
	engineErr error
	// accepted is true if dockerd --validate accepts the file. rejection is why
	// dockerd would not start with it. With neither, dockerd could not be asked.
	accepted  bool
	rejection error
	// stopped is the item of containers that stayed down; nil if dockerd was not asked.
	stopped *checkup.Item
}

// errNotAsked says why dockerd was not asked: a request would start it.
var errNotAsked = errors.New("not asked")

// lookAtDocker looks at each part of Docker by itself, and changes nothing.
func lookAtDocker(ctx context.Context, h *host.Host, c config.Config) dockerLook {
	var look dockerLook
	o := &look.observed
	o.Unit, look.unitErr = h.AskUnit(ctx, host.DockerUnit)
	if look.unitErr == nil {
		look.loadErr = h.Ask(ctx, func(ctx context.Context) error { return h.CheckUnit(ctx, o.Unit) })
	}
	switch {
	case look.unitErr != nil:
		look.flagsErr = look.unitErr
		// This is only shown. Nothing proves that the process is dockerd, so its
		// file is not read and its socket not opened.
		if pid, found := dockerproc.Only(h.Paths.Proc); found {
			o.Command, look.flagsErr = commandline.Of(h.Paths.Proc, commandline.Service{MainPID: pid})
		}
	case look.loadErr != nil:
		look.flagsErr = look.loadErr
	default:
		// Without an answer of systemd it counts as no.
		_ = h.Ask(ctx, func(ctx context.Context) error { o.SnapRuns = h.SnapRuns(ctx); return nil })
		o.Command, o.Flags, look.flagsErr = h.CommandLine(o.Unit)
		if look.flagsErr == nil {
			o.FlagConflicts, look.flagsErr = h.FlagConflicts(o.Unit)
		}
	}
	path := h.DaemonJSON(o.Flags)
	if o.File, look.fileErr = daemonfile.Read(path); look.fileErr != nil {
		o.File = daemonfile.File{Path: path}
	}
	switch {
	case look.unitErr != nil:
		look.engineErr = fmt.Errorf("%w: unknown whether it runs", errNotAsked)
	case !o.Unit.Running():
		look.engineErr = fmt.Errorf("%w: Docker is not running", errNotAsked)
	case look.flagsErr != nil:
		look.engineErr = fmt.Errorf("%w: unknown where it listens", errNotAsked)
	default:
		look.engineErr = h.Ask(ctx, func(ctx context.Context) error { return h.ObserveEngine(ctx, c, o, nil) })
	}
	if o.Engine != nil && look.engineErr == nil {
		item := checkup.NotStartedItem(h.NotStarted(ctx, *o, c.RuntimeNames()))
		look.stopped = &item
	}
	return look
}

// runtimeItems are those of package checkup, from a look at each part of Docker.
func runtimeItems(ctx context.Context, h *host.Host, c config.Config, l dockerLook) []checkup.Item {
	if l.engineErr != nil || l.fileErr != nil {
		return nil
	}
	o := l.observed
	var err error
	if o.Releases, err = h.Store().List(ctx); err != nil {
		return nil // storeItem reports it
	}
	if o.BootAndMount, err = h.Paths.BootAndMount(); err != nil {
		return nil
	}
	o.Proofs, o.FailedProofs = h.State().KnownProofs()
	o.Rejected = h.State().KnownRejections()
	return checkup.RuntimeItems(c, o)
}
