package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/capability"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/evidence"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/validate"
)

// validateFile lets dockerd check the current daemon.json: a file that parses may
// still have a key or a value that dockerd refuses.
func validateFile(ctx context.Context, h *host.Host, l *dockerLook) {
	if l.flagsErr != nil || l.fileErr != nil || !l.observed.File.Exists {
		return
	}
	if l.rejection = plan.CheckDefaultRuntime(l.observed.File.Doc, l.observed); l.rejection != nil {
		return
	}
	l.rejection = h.Ask(ctx, func(ctx context.Context) (err error) {
		l.accepted, _, err = validate.Document(ctx, h, l.observed.File.Doc, l.observed)
		return err
	})
}

// items are Docker's unit, its settings and its API.
func (l dockerLook) items(c config.Config) []checkup.Item {
	if l.loadErr != nil {
		return []checkup.Item{l.unitItem()}
	}
	items := []checkup.Item{l.unitItem(), l.fileItem(c), l.apiItem()}
	if l.stopped != nil {
		items = append(items, *l.stopped)
	}
	items = append(items, l.ignoredTypes()...)
	if l.observed.SnapRuns && !errors.Is(l.engineErr, blocked.ErrSnap) {
		items = append(items, checkup.Item{Name: "docker snap", Health: checkup.Warning, Seen: plan.SnapWarning, Remedy: "if you do not need it: sudo snap disable docker"})
	}
	return items
}

// ignoredTypes warns of each runtime in daemon.json that dockerd runs as runc.
func (l dockerLook) ignoredTypes() []checkup.Item {
	info := l.observed.Engine
	if info == nil || !evidence.IgnoresType(*info) {
		return nil
	}
	var items []checkup.Item
	runtimes := l.observed.File.Doc.Runtimes()
	for _, name := range slices.Sorted(maps.Keys(runtimes)) {
		if r := runtimes[name]; r.Path == "" && r.Type != "" {
			items = append(items, checkup.Item{Name: "runtimeType of " + name, Health: checkup.Warning,
				Seen:   fmt.Sprintf("dockerd %s ignores runtimeType (%s): its containers run with runc, on the host's kernel", info.Version, r.Type),
				Remedy: "register runtime " + name + " in " + l.observed.File.Path + " by the path of its program; dockerd knows runtimeType from 23.0 on"})
		}
	}
	return items
}

func (l dockerLook) unitItem() checkup.Item {
	item := checkup.Item{Name: host.DockerUnit}
	u := l.observed.Unit
	switch {
	case l.unitErr != nil:
		item.SetSystemdError(l.unitErr)
		return item
	case errors.Is(l.loadErr, blocked.ErrSnap):
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.loadErr.Error(), checkup.SnapRemedy
		return item
	case u.LoadState == "masked":
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.loadErr.Error(), "systemctl unmask "+host.DockerUnit
		return item
	case u.LoadState == "not-found":
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.loadErr.Error(), "install Docker from your distribution or docker.com, or run this on the host itself"
		return item
	case l.loadErr != nil:
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.loadErr.Error(), "systemctl status "+host.DockerUnit+" shows what is wrong with its file"
		return item
	}
	item.Seen = u.ActiveState + " (" + u.SubState + ")"
	switch {
	case l.flagsErr != nil:
		item.SetBroken(fmt.Errorf("%s; %w", item.Seen, l.flagsErr), "systemctl cat "+host.DockerUnit+" shows its command, which must be dockerd itself")
	case !u.Running():
		item.Health, item.Remedy = checkup.Warning, "systemctl start docker.service; systemctl status docker.service shows why it is not running"
	case u.NeedDaemonReload:
		item.Health, item.Seen, item.Remedy = checkup.Warning, item.Seen+"; its unit file has changed since", "systemctl daemon-reload"
	}
	return item
}

func (l dockerLook) fileItem(c config.Config) checkup.Item {
	item := checkup.Item{Name: "daemon.json"}
	file := l.observed.File
	if l.fileErr != nil {
		item.SetBroken(l.fileErr, "repair it: dockerd would read it differently, or not at all")
		return item
	}
	switch {
	case !file.Exists:
		item.Seen = file.Path + " is missing: dockerd uses its flags and its defaults"
	case l.isBlank() && l.observed.Engine != nil && !capability.Of(l.observed.Engine.Version).Can(capability.EmptyFile):
		item.Health, item.Seen = checkup.Critical, fmt.Sprintf("%s is empty: dockerd %s does not start with an empty file", file.Path, l.observed.Engine.Version)
		item.Remedy = emptyRemedy
	case l.accepted:
		item.Seen = "dockerd --validate accepts " + file.Path
	case l.observed.Engine != nil && !capability.Of(l.observed.Engine.Version).Can(capability.Validate):
		item.Seen = fmt.Sprintf("%s parses; dockerd %s has no --validate to check it", file.Path, l.observed.Engine.Version)
	case l.isBlank() && l.observed.Engine == nil:
		item.Health, item.Seen = checkup.Warning, file.Path+" is empty: dockerd before 23.0 does not start with an empty file"
		item.Remedy = emptyRemedy
	default:
		item.Seen = file.Path + " parses; dockerd --validate could not check it"
	}
	if l.rejection != nil {
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.rejection.Error(), "repair it: dockerd would not start with it"
	}
	if conflict := plan.FlagConflict(c, l.observed); conflict != nil {
		item.Health, item.Seen, item.Remedy = checkup.Critical, conflict.Error(), checkup.FlagRemedy(conflict.Option)
	}
	l.checkFilePlace(&item)
	return item
}

const emptyRemedy = "write {} into it, or remove it"

// isBlank reports whether daemon.json exists and has nothing in it.
func (l dockerLook) isBlank() bool {
	file := l.observed.File
	return file.Exists && len(bytes.TrimSpace(file.Bytes)) == 0
}

func (l dockerLook) apiItem() checkup.Item {
	item := checkup.Item{Name: "docker API"}
	var silent *host.NoAnswer
	switch {
	case errors.Is(l.engineErr, errNotAsked):
		item.Health, item.Seen, item.Remedy = checkup.Unsure, l.engineErr.Error(), l.unitItem().Remedy
	case errors.Is(l.engineErr, blocked.ErrSnap):
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.engineErr.Error(), checkup.SnapRemedy
	case errors.Is(l.engineErr, blocked.ErrNoUnixSocket):
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.engineErr.Error(), checkup.UnixSocketRemedy
	case errors.Is(l.engineErr, fs.ErrPermission), errors.As(l.engineErr, &silent):
		item.SetBroken(l.engineErr, "journalctl -u docker.service shows what it is doing; systemctl restart docker.service stops containers unless live-restore is on")
	case l.engineErr != nil:
		item.Health, item.Seen, item.Remedy = checkup.Critical, l.engineErr.Error(), "systemctl status docker.service"
	default:
		e := l.observed.Engine
		item.Seen = fmt.Sprintf("%s, default runtime %s, data in %s (%s), %d containers run, live-restore %t",
			e.Version, e.DefaultRuntime, e.RootDir, e.StorageDriver, e.Running, e.LiveRestore)
		if why := capability.Of(e.Version).Untested(); why != "" {
			item.Health, item.Seen, item.Remedy = checkup.Warning, item.Seen+"; "+why, "runsc-provisioner prove shows whether sandboxes start and keep writes with it"
		}
	}
	return item
}
