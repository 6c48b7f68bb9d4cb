package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
)

// ServiceUnit is the unit that runs this program's daemon.
const ServiceUnit = "runsc-provisioner.service"

// observeService fills in what the daemon's unit keeps the daemon from writing to. It asks
// systemd only if other places than the built-in ones are configured, which the packaged unit
// allows. Without an answer, nothing is known.
func observeService(ctx context.Context, h *Host, o *Observed) {
	builtIn := h.Paths.builtIn
	if builtIn == (config.Paths{}) || builtIn == (config.Paths{Store: h.Paths.Store, Link: h.Paths.Link}) {
		return
	}
	if unit, err := h.Units.Unit(ctx, ServiceUnit); err == nil {
		o.ServiceCannotWrite = ServiceCannotWrite(unit, h.Paths.Store, h.Paths.Link)
	}
}

// ServiceCannotWrite says, with a remedy, what a unit keeps its process from writing to: the
// store, and the directory of the link. It is "" if nothing, and pure.
func ServiceCannotWrite(unit Unit, store, link string) string {
	if unit.LoadState != "loaded" || unit.ProtectSystem != "strict" {
		return ""
	}
	var missing []string
	for _, dir := range []string{store, filepath.Dir(link)} {
		if link == "" && dir != store {
			continue
		}
		writable := false
		for _, entry := range unit.ReadWritePaths {
			writable = writable || config.WithinDir(strings.TrimLeft(entry, "-+"), dir)
		}
		if !writable {
			missing = append(missing, dir)
		}
	}
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

// StorePlace reports whether the directory of the store exists, and whether it is read-only
// for this process.
func (h *Host) StorePlace() (exists, readOnly bool) {
	info, err := os.Stat(h.Paths.Store)
	exists = err == nil && info.IsDir()
	return exists, exists && errors.Is(durable.CannotWrite(h.Paths.Store), unix.EROFS)
}
