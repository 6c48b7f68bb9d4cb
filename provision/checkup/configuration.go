package checkup

import (
	"errors"
	"io/fs"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// What findings about the configuration are called for programs.
const (
	codeLost       = "configuration-lost"
	codeUnread     = "configuration-unread"
	codeRecord     = "accepted-unread"
	configItemName = "configuration"
	recordRewrite  = "sudo runsc-provisioner apply writes it again"
)

// ConfigItem says how the configuration is; err is InEffect.Err.
func ConfigItem(h *host.Host, err error) Item {
	item, _ := ConfigItemWithCode(h, err)
	return item
}

func ConfigItemWithCode(h *host.Host, err error) (item Item, code string) {
	item = Item{Name: configItemName, Seen: h.Paths.Config + " is understood"}
	var (
		lost   *config.LostError
		record *config.RecordError
	)
	switch {
	case err == nil:
		return item, ""
	case errors.As(err, &lost):
		item.Health, item.Seen, item.Remedy = Critical, lost.Error(), config.GiveUpRemedy
		return item, codeLost
	case errors.As(err, &record):
		item.recordDamaged(record)
		return item, codeRecord
	}
	item.SetBroken(err, "mend it: runsc-provisioner config check")
	return item, codeUnread
}

func (i *Item) recordDamaged(e *config.RecordError) {
	i.Health, i.Seen = Critical, "what was last accepted cannot be read, so that lost settings are not noticed: "+e.Error()
	i.Remedy = "look at `runsc-provisioner config show`, then: sudo runsc-provisioner apply --give-up"
	switch {
	case errors.Is(e, fs.ErrPermission):
		i.Health, i.Remedy = Unsure, AsRootRemedy
	case e.Found && e.Err != nil && !errors.Is(e, fs.ErrNotExist):
		i.Health, i.Seen, i.Remedy = Warning, "its copy is used instead of "+e.Error(), "move it away: "+recordRewrite
	case e.Found:
		i.Health, i.Seen, i.Remedy = Warning, "its copy is used instead of "+e.Error(), recordRewrite
	}
}

// SetBroken makes i critical, or unsure where it was only not to be read.
func (i *Item) SetBroken(err error, remedy string) {
	i.Health, i.Seen, i.Remedy = Critical, err.Error(), remedy
	if errors.Is(err, fs.ErrPermission) {
		i.Health, i.Remedy = Unsure, AsRootRemedy
	}
}

const AsRootRemedy = "run this as root"

// HeldByConfig is what a plan holds until a person settles it: settings that were
// in effect and are missing, or a record of them that cannot be used.
func HeldByConfig(in config.InEffect) []plan.Held {
	const what = "configuration"
	switch {
	case in.Lost != nil:
		return []plan.Held{{What: what, Why: in.Lost.Error() + "; the host is kept at them; " + config.GiveUpRemedy}}
	case in.Unsettled():
		return []plan.Held{{What: what, Why: "the record of the accepted configuration cannot be used, so lost settings would not be noticed: " + in.Record.Error() +
			"; check `runsc-provisioner config show`, then: sudo runsc-provisioner apply --give-up"}}
	}
	return nil
}

// SetSystemdError makes i unsure because systemd could not be asked, or critical where it
// does not answer.
func (i *Item) SetSystemdError(err error) {
	i.Health, i.Seen, i.Remedy = Unsure, err.Error(), "run this as root, on a host with systemd"
	var silent *host.NoAnswer
	if errors.As(err, &silent) {
		i.Health, i.Seen = Critical, "systemd: "+err.Error()
		i.Remedy = "systemctl status shows whether systemd answers again; dmesg and journalctl -k say what holds it up"
	}
}
