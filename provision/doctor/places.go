package doctor

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/places"
	"runsc-provisioner/provision/release"
)

const (
	inodesRemedy = "remove small files from that file system: df -i shows how many inodes are in use"
	roomRemedy   = "free some space on that file system"
)

// stateItem is the item of the directory of this program's records.
func stateItem(h *host.Host) checkup.Item {
	item := checkup.Item{Name: "records", Seen: h.Paths.State}
	err := h.CheckState()
	switch {
	case errors.Is(err, durable.ErrNoInodes):
		item.Health, item.Seen, item.Remedy = checkup.Critical, err.Error(), inodesRemedy
	case errors.Is(err, unix.ENOSPC):
		item.Health, item.Seen, item.Remedy = checkup.Critical, err.Error(), roomRemedy
	case err != nil:
		item.Health, item.Seen = checkup.Critical, err.Error()
		item.Remedy = "make " + h.Paths.State + " a directory that can be written to; apply makes it if nothing is there"
	}
	return item
}

// checkStorePlace adds to the item of the store why nothing can be installed there. The
// releases that are there still work.
func checkStorePlace(h *host.Host, releases []release.Installed, item *checkup.Item) {
	err := durable.CannotWrite(h.Paths.Store)
	if err == nil {
		return
	}
	works := slices.ContainsFunc(releases, func(r release.Installed) bool { return r.State.Intact() })
	item.Health = max(item.Health, checkup.Warning)
	if !works {
		item.Health = checkup.Critical
	}
	item.Seen += "; no release can be installed: " + err.Error()
	switch {
	case errors.Is(err, durable.ErrNoInodes):
		item.Remedy = inodesRemedy
	case errors.Is(err, unix.ENOSPC):
		item.Remedy = roomRemedy
	default:
		item.Remedy = places.Suggest(h.Paths.Store, h.Paths.Link)
	}
}

// linkItem is the item of the link, if it is missing and cannot be made.
func linkItem(h *host.Host) (item checkup.Item, found bool) {
	link, err := h.Store().LinkState()
	if h.Paths.Link == "" || err != nil || link.Kind != release.LinkAbsent {
		return item, false
	}
	cannot := durable.CannotWrite(filepath.Dir(h.Paths.Link))
	if cannot == nil {
		return item, false
	}
	return checkup.Item{
		Name: "link", Health: checkup.Warning, Seen: fmt.Sprintf("%s cannot be made: %v", h.Paths.Link, cannot),
		Remedy: `Docker does not need the link; in [paths], set link to a path in a directory that can be written to, or to "" for none`,
	}, true
}

// checkFilePlace adds to the item of daemon.json why the file cannot be replaced.
func (l dockerLook) checkFilePlace(item *checkup.Item) {
	err := daemonfile.LookReplaceable(l.observed.File)
	switch {
	case err == nil || item.Health == checkup.Critical:
	case errors.Is(err, daemonfile.ErrDeclared):
		item.Seen += "; " + err.Error() + ": if it must change, apply shows the settings to add where it is made"
	case errors.Is(err, durable.ErrNoInodes):
		item.Health, item.Seen, item.Remedy = checkup.Critical, err.Error(), inodesRemedy
	case errors.Is(err, unix.ENOSPC):
		item.Health, item.Seen, item.Remedy = checkup.Critical, err.Error(), roomRemedy
	default:
		item.Health, item.Seen, item.Remedy = checkup.Warning, item.Seen+"; it cannot be changed: "+err.Error(), "lift that before the next change"
	}
}
