package host

import (
	"errors"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
)

// ObserveTrust is the part of Observe that needs neither systemd nor dockerd: what is wrong
// with the records, and which files other users may change. path is that of daemon.json.
func (h *Host) ObserveTrust(path string) (o Observed) {
	o.File.Path = path
	_, _, err := h.State().Before().Read()
	o.refuses(err)
	_, err = h.Images().Waiting()
	o.refuses(err)
	observeTrust(h, &o)
	return o
}

// observeTrust adds to o what is wrong with the records, and which files other users may
// change.
func observeTrust(h *Host, o *Observed) {
	o.Defects, o.Untrusted = h.State().Defects(), h.State().Untrusted()
	var err error
	o.Withdrawn, err = h.Store().Withdrawn()
	if damaged, ok := errors.AsType[*release.DamagedError](err); ok {
		o.Defects = append(o.Defects, state.Defect{Path: damaged.Path, Reason: damaged.Err.Error()})
	}
	o.addUnsafe(h.State().Safe(), durable.Trusted(o.File.Path), h.Store().ArchivesSafe(), err)
}

// addUnsafe adds each *durable.UnsafeError among errs to o.Refusals, unless it names a path for
// the second time.
func (o *Observed) addUnsafe(errs ...error) {
	for _, err := range errs {
		if unsafe, ok := errors.AsType[*durable.UnsafeError](err); ok && !o.hasUnsafe(unsafe.Path) {
			o.Refusals = append(o.Refusals, unsafe)
		}
	}
}

// refuses adds err to o.Refusals and reports true, if err is a *blocked.Refused.
func (o *Observed) refuses(err error) bool {
	if refused, ok := errors.AsType[*blocked.Refused](err); ok {
		o.Refusals = append(o.Refusals, refused)
		return true
	}
	return false
}

// hasUnsafe reports whether o.Refusals names path as unsafe already.
func (o *Observed) hasUnsafe(path string) bool {
	for _, refused := range o.Refusals {
		if unsafe, ok := errors.AsType[*durable.UnsafeError](refused); ok && unsafe.Path == path {
			return true
		}
	}
	return false
}
