package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// validateFile has dockerd look at daemon.json as it is: one that parses may still have
// a key or a value that dockerd does not start with.
func validateFile(ctx context.Context, h *host.Host, l *dockerLook) {
	if l.flagsErr != nil || l.fileErr != nil || !l.observed.File.Exists {
		return
	}
	if l.rejection = plan.CheckDefaultRuntime(l.observed.File.Doc, l.observed); l.rejection != nil {
		return
	}
	l.rejection = h.AskBounded(ctx, func(ctx context.Context) (err error) {
		l.accepted, _, err = h.Validate(ctx, l.observed.File.Doc, l.observed)
		return err
	})
}

// items are Docker's unit, its settings and its API.
func (l dockerLook) items(c config.Config) []checkup.Item {
	if l.loadErr != nil {
		return []checkup.Item{l.unitItem()}
	}
	return []checkup.Item{l.unitItem(), l.fileItem(c), l.apiItem()}
}

func (l dockerLook) unitItem() checkup.Item {
	item := checkup.Item{Name: host.DockerUnit}
	u := l.observed.Unit
	switch {
	case l.unitErr != nil:
		item.SetSystemdError(l.unitErr)
		return item
	case u.LoadState == "masked":
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.loadErr.Error(), "systemctl unmask "+host.DockerUnit
		return item
	case u.LoadState == "not-found":
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.loadErr.Error(), "install Docker from your distribution or docker.com, or run this on the host itself"
		return item
	case l.loadErr != nil:
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.loadErr.Error(), "systemctl status "+host.DockerUnit+" says what is wrong with its file"
		return item
	}
	item.Seen = u.ActiveState + " (" + u.SubState + ")"
	switch {
	case l.flagsErr != nil:
		item.SetBroken(fmt.Errorf("%s; %w", item.Seen, l.flagsErr), "systemctl cat "+host.DockerUnit+" shows what it runs: that has to be dockerd itself")
	case !u.Running():
		item.Health, item.Remedy = checkup.Warning, "systemctl start docker.service; systemctl status docker.service says why it does not run"
	case u.NeedDaemonReload:
		item.Health, item.Seen, item.Remedy = checkup.Warning, item.Seen+", its file has changed since", "systemctl daemon-reload"
	}
	return item
}

func (l dockerLook) fileItem(c config.Config) checkup.Item {
	item := checkup.Item{Name: "daemon.json"}
	file := l.observed.File
	if l.fileErr != nil {
		item.SetBroken(l.fileErr, "mend it; dockerd would read it in another way, or not at all")
		return item
	}
	switch {
	case !file.Exists:
		item.Seen = "there is no " + file.Path + ": dockerd has what its flags say, and its defaults"
	case l.accepted:
		item.Seen = file.Path + " is one that dockerd --validate takes"
	default:
		item.Seen = file.Path + " parses; whether dockerd takes it was not to be tried"
	}
	if l.rejection != nil {
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.rejection.Error(), "mend it: dockerd would not start with it"
	}
	if conflict := plan.FlagConflict(c, l.observed); conflict != nil {
		item.Health, item.Seen, item.Remedy = checkup.Critical, conflict.Error(), "remove the flag: dockerd does not start with an option in both places"
	}
	return item
}

func (l dockerLook) apiItem() checkup.Item {
	item := checkup.Item{Name: "docker API"}
	var silent *host.NoAnswer
	switch {
	case errors.Is(l.engineErr, errNotAsked):
		item.Health, item.Seen, item.Remedy = checkup.Unsure, l.engineErr.Error(), l.unitItem().Remedy
	case errors.Is(l.engineErr, fs.ErrPermission), errors.As(l.engineErr, &silent):
		item.SetBroken(l.engineErr, "journalctl -u docker.service says what it is at; systemctl restart docker.service, which stops containers unless live-restore is on")
	case l.engineErr != nil:
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.engineErr.Error(), "systemctl status docker.service"
	default:
		e := l.observed.Engine
		item.Seen = fmt.Sprintf("%s, default runtime %s, data in %s (%s), %d containers run, live-restore %t",
			e.Version, e.DefaultRuntime, e.RootDir, e.StorageDriver, e.Running, e.LiveRestore)
	}
	return item
}
