package checkup

import (
	"errors"
	"io/fs"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

// Codes of findings about the configuration, and the name of its item.
const (
	codeLost       = "configuration-lost"
	codeUnread     = "configuration-unread"
	codeRecord     = "accepted-unread"
	configItemName = "configuration"
	recordRewrite  = "sudo runsc-provisioner apply writes it again"
)

// ConfigItem is the item of the configuration; err is config.InEffect.Err.
func ConfigItem(h *host.Host, err error) Item {
	item, _ := ConfigItemWithCode(h, err)
	return item
}

// ConfigItemWithCode is ConfigItem, and the code of the finding for programs; "" if there is none.
func ConfigItemWithCode(h *host.Host, err error) (item Item, code string) {
	item = Item{Name: configItemName, Seen: h.Paths.Config + " is valid"}
	var (
		lost    *config.LostError
		record  *config.RecordError
		missing *config.MissingError
	)
	switch {
	case err == nil:
		return item, ""
	case errors.As(err, &missing):
		item.Health, item.Seen, item.Remedy = Warning, missing.Error(), "put the configuration back if it is lost; to accept what is managed now: "+ApplyRemedy
		return item, codeRecord
	case errors.As(err, &lost):
		item.Health, item.Seen, item.Remedy = Critical, lost.Error(), config.GiveUpRemedy
		return item, codeLost
	case errors.As(err, &record):
		item.recordDamaged(record)
		return item, codeRecord
	}
	item.SetBroken(err, "fix it: runsc-provisioner config check")
	return item, codeUnread
}

func (i *Item) recordDamaged(e *config.RecordError) {
	i.Health, i.Seen = Critical, "the record of the accepted configuration cannot be read, so lost settings are not noticed: "+e.Error()
	i.Remedy = "check `runsc-provisioner config show`, then: sudo runsc-provisioner apply --give-up"
	switch {
	case errors.Is(e, fs.ErrPermission):
		i.Health, i.Remedy = Unsure, AsRootRemedy
	case e.Found:
		i.Health, i.Seen, i.Remedy = Warning, e.Error()+"; the other of record and copy is used", recordRewrite
	}
}

// SetBroken makes i critical, or unsure if err is only a missing permission.
func (i *Item) SetBroken(err error, remedy string) {
	i.Health, i.Seen, i.Remedy = Critical, err.Error(), remedy
	if errors.Is(err, fs.ErrPermission) {
		i.Health, i.Remedy = Unsure, AsRootRemedy
	}
}

// AsRootRemedy is what to do if only root may read something.
const AsRootRemedy = "run this as root"

// HeldByConfig is what a plan holds until a person decides: settings that were in effect and are now missing,
// or a record of them that cannot be used.
func HeldByConfig(in config.InEffect) []steps.Held {
	switch {
	case in.Lost != nil:
		return []steps.Held{{What: configItemName, Why: in.Lost.Error() + "; the host keeps them; " + config.GiveUpRemedy}}
	case in.Unsettled():
		return []steps.Held{{What: configItemName, Why: "the record of the accepted configuration cannot be used, so lost settings would not be noticed: " + in.RecordErr.Error() +
			"; check `runsc-provisioner config show`, then: sudo runsc-provisioner apply --give-up"}}
	}
	return nil
}

// SetSystemdError makes i unsure if systemd cannot be reached, or critical if it does not answer.
func (i *Item) SetSystemdError(err error) {
	i.Health, i.Seen, i.Remedy = Unsure, err.Error(), "run this as root, on a host with systemd"
	var silent *host.NoAnswer
	if errors.As(err, &silent) {
		i.Health, i.Seen = Critical, "systemd: "+err.Error()
		i.Remedy = "systemctl status shows whether systemd answers again; dmesg and journalctl -k show what blocks it"
	}
}
