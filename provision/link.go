package provision

import (
	"context"
	"errors"

	"runsc-provisioner/provision/steps"
)

// link sets the link. Docker does not need it, so a link that cannot be made undoes nothing:
// the result says why, and the next plan has it as a warning.
func (a *application) link(s steps.Link) (result string, err error) {
	err = a.store().SetLink(s.Release)
	if err == nil || errors.Is(err, context.Canceled) {
		return "", err
	}
	if a.onNoLink != nil {
		a.onNoLink(err)
	}
	return "not made: " + err.Error(), nil
}

// unlink removes our link from a path that is no longer configured.
func (a *application) unlink(s steps.Unlink) error {
	store := a.store()
	store.Link = s.Path
	return store.RemoveLink()
}
