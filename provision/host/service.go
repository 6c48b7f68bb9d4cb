package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
)

// ServiceUnit is the unit that runs this program's daemon.
const ServiceUnit = "runsc-provisioner.service"

// observeService fills in what the daemon's unit keeps the daemon from writing to. It asks
// systemd only if other places are configured than every packaged unit allows. Without an
// answer, nothing is known.
func observeService(ctx context.Context, h *Host, c config.Config, o *Observed) {
	builtIn := h.Paths.builtIn
	if c.Docker.Names != config.NamesMaintain && (builtIn == (config.Paths{}) || builtIn == (config.Paths{Store: h.Paths.Store, Link: h.Paths.Link})) {
		return
	}
	if unit, err := h.Units.Unit(ctx, ServiceUnit); err == nil {
		o.ServiceCannotWrite = ServiceCannotWrite(unit, h.ServiceWrites(c, o.NextDataRoot)...)
	}
}

// ServiceWrites are the directories that the daemon writes to for c, beside its own. dataRoot
// is dockerd's, or "".
func (h *Host) ServiceWrites(c config.Config, dataRoot string) []string {
	dirs := []string{h.Paths.Store}
	if h.Paths.Link != "" {
		dirs = append(dirs, filepath.Dir(h.Paths.Link))
	}
	if c.Docker.Names == config.NamesMaintain && dataRoot != "" {
		dirs = append(dirs, dataRoot)
	}
	return dirs
}

// ServiceCannotWrite says, with a remedy, which of dirs a unit keeps its process from writing
// to. It is "" if none, and pure.
func ServiceCannotWrite(unit Unit, dirs ...string) string {
	if unit.LoadState != "loaded" || unit.ProtectSystem != "strict" {
		return ""
	}
	missing := slices.DeleteFunc(dirs, func(dir string) bool {
		return slices.ContainsFunc(unit.ReadWritePaths, func(entry string) bool { return config.WithinDir(strings.TrimLeft(entry, "-+"), dir) })
	})
	if len(missing) == 0 {
		return ""
	}
	dropin := "/etc/systemd/system/" + ServiceUnit + ".d/paths.conf"
	return fmt.Sprintf(`%s cannot write to %s: put the lines "[Service]" and "ReadWritePaths=-%s" into %s, then systemctl daemon-reload and systemctl try-restart %s`,
		ServiceUnit, strings.Join(missing, " and "), strings.Join(missing, " -"), dropin, ServiceUnit)
}

// CheckState returns why this program cannot keep its records, or nil. The error is a
// *blocked.Refused, or ENOSPC.
func (h *Host) CheckState() error {
	err := durable.CannotWrite(h.Paths.State)
	if err == nil || errors.Is(err, unix.ENOSPC) {
		return err
	}
	return &blocked.Refused{Object: h.Paths.State, Err: fmt.Errorf("this program keeps its records there: %w", err)}
}

// Place reports whether a directory exists, and whether it is read-only for this process.
func Place(dir string) (exists, readOnly bool) {
	info, err := os.Stat(dir)
	exists = err == nil && info.IsDir()
	return exists, exists && errors.Is(durable.CannotWrite(dir), unix.EROFS)
}
