package provision

import (
	"context"
	"errors"
	"fmt"

	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/subid"
)

// addAccount makes the user. It first records the user as ours: if this run is killed,
// the next one knows who made it.
func (a *application) addAccount(ctx context.Context, s steps.AddAccount) error {
	if err := a.State().MadeIDs().Add(subid.AccountKey(s.Name)); err != nil {
		return err
	}
	failpoint.Here("account: before it is made")
	return subid.AddUser(ctx, s.Name, s.GroupExists)
}

func (a *application) removeAccount(ctx context.Context, s steps.RemoveAccount) error {
	if err := subid.RemoveUser(ctx, s.Name); err != nil {
		return err
	}
	failpoint.Here("account: removed")
	return a.State().MadeIDs().Forget(subid.AccountKey(s.Name))
}

// editIDs writes /etc/subuid or /etc/subgid. It records new ranges as ours first, as
// addAccount does. If the file changed since it was read, the error is
// daemonfile.ErrStale.
func (a *application) editIDs(ctx context.Context, s steps.EditIDs) error {
	for _, key := range s.Made {
		if err := a.State().MadeIDs().Add(key); err != nil {
			return err
		}
	}
	forget := s.Gone
	err := s.Apply(ctx, a.Paths.Etc)
	if errors.Is(err, subid.ErrChanged) {
		err = fmt.Errorf("%w: %w", daemonfile.ErrStale, err)
	}
	if err != nil {
		forget = s.Made
	}
	for _, key := range forget {
		err = errors.Join(err, a.State().MadeIDs().Forget(key))
	}
	return err
}
