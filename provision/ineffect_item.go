package provision

import (
	"errors"
	"io/fs"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// What findings about the configuration are called for programs.
const (
	foundLost     = "configuration-lost"
	foundUnread   = "configuration-unread"
	foundRecord   = "accepted-unread"
	itemConfig    = "configuration"
	recordRewrite = "sudo runsc-provisioner apply writes it again"
)

// configItem says how the configuration is; err is InEffect.Err.
func configItem(h *host.Host, err error) Item {
	item, _ := configItemAndCode(h, err)
	return item
}

func configItemAndCode(h *host.Host, err error) (item Item, code string) {
	item = Item{Name: itemConfig, Seen: h.Paths.Config + " is understood"}
	var (
		lost   *config.LostError
		record *config.RecordError
	)
	switch {
	case err == nil:
		return item, ""
	case errors.As(err, &lost):
		item.Health, item.Seen, item.Remedy = Critical, lost.Error(), config.GiveUpRemedy
		return item, foundLost
	case errors.As(err, &record):
		item.recordDamaged(record)
		return item, foundRecord
	}
	item.broken(err, "mend it: runsc-provisioner config check")
	return item, foundUnread
}

func (i *Item) recordDamaged(e *config.RecordError) {
	i.Health, i.Seen = Critical, "what was last accepted cannot be read, so that lost settings are not noticed: "+e.Error()
	i.Remedy = "look at `runsc-provisioner config show`, then: sudo runsc-provisioner apply --give-up"
	switch {
	case errors.Is(e, fs.ErrPermission):
		i.Health, i.Remedy = Unsure, asRoot
	case e.Found && e.Err != nil && !errors.Is(e, fs.ErrNotExist):
		i.Health, i.Seen, i.Remedy = Warning, "its copy is used instead of "+e.Error(), "move it away: "+recordRewrite
	case e.Found:
		i.Health, i.Seen, i.Remedy = Warning, "its copy is used instead of "+e.Error(), recordRewrite
	}
}

// broken makes i critical, or unsure where it was only not to be read.
func (i *Item) broken(err error, remedy string) {
	i.Health, i.Seen, i.Remedy = Critical, err.Error(), remedy
	if errors.Is(err, fs.ErrPermission) {
		i.Health, i.Remedy = Unsure, asRoot
	}
}

const asRoot = "run this as root"
