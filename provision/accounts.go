package provision

import (
	"context"
	"errors"
	"fmt"

	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/subid"
)

// addAccount makes the user. That it is ours is written down first, so that a run that
// is killed is known to have made it.
func (pr *Provisioner) addAccount(ctx context.Context, s plan.AddAccount) error {
	if err := pr.State().MadeIDs().Add(subid.AccountKey(s.Name)); err != nil {
		return err
	}
	failpoint.Here("account: before it is made")
	return subid.AddUser(ctx, s.Name, s.GroupExists)
}

func (pr *Provisioner) removeAccount(ctx context.Context, s plan.RemoveAccount) error {
	if err := subid.RemoveUser(ctx, s.Name); err != nil {
		return err
	}
	failpoint.Here("account: removed")
	return pr.State().MadeIDs().Forget(subid.AccountKey(s.Name))
}

// editIDs writes /etc/subuid or /etc/subgid. Ranges that become ours are written down
// first, as accounts are.
func (pr *Provisioner) editIDs(ctx context.Context, s plan.EditIDs) error {
	for _, key := range s.Made {
		if err := pr.State().MadeIDs().Add(key); err != nil {
			return err
		}
	}
	gone := s.Gone
	err := s.Apply(ctx, pr.Paths.Etc)
	if errors.Is(err, subid.ErrChanged) {
		err = fmt.Errorf("%w: %w", daemonfile.ErrStale, err)
	}
	if err != nil {
		gone = s.Made
	}
	for _, key := range gone {
		err = errors.Join(err, pr.State().MadeIDs().Forget(key))
	}
	return err
}
