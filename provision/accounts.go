package provision

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/command"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/subid"
)

const (
	// lockIDsWithin is how long the shadow tools themselves wait for each other.
	lockIDsWithin = 15 * time.Second
	// accountWithin bounds useradd and userdel, which take 50 ms.
	accountWithin = time.Minute
)

// ErrAccountsLocked says that the shadow tools' locks were not to be had.
var ErrAccountsLocked = errors.New("the files of accounts are in use by another program")

// addAccount makes the user as the distribution makes those of services. That it
// is ours is written down first: a run that is killed has then made it too.
func (pr *Provisioner) addAccount(ctx context.Context, s plan.AddAccount) error {
	if err := pr.State().MadeIDs().Add(subid.AccountKey(s.Name)); err != nil {
		return err
	}
	failpoint.Here("account: before it is made")
	args := []string{"--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"}
	if s.Grouped {
		args = append(args, "--gid", s.Name)
	} else {
		args = append(args, "--user-group")
	}
	return shadow(ctx, "useradd", append(args, s.Name)...)
}

// removeAccount removes the user, and with it the group of its name.
func (pr *Provisioner) removeAccount(ctx context.Context, s plan.RemoveAccount) error {
	if err := shadow(ctx, "userdel", s.Name); err != nil {
		return err
	}
	failpoint.Here("account: removed")
	return pr.State().MadeIDs().Forget(subid.AccountKey(s.Name))
}

// Exit codes of useradd(8) and userdel(8).
const (
	shadowBusy  = 1  // cannot update password file: it is locked
	shadowGroup = 10 // cannot update group file
)

// shadow runs one of the shadow tools, to its end also where this process is asked
// to end: one that is killed leaves its locks, and perhaps half an account.
func shadow(ctx context.Context, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), accountWithin)
	defer cancel()
	output, err := command.Command(ctx, program, args...).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return blocked.Refuse(program, "is not there to make or remove an account with: install the package passwd (shadow), or name a user that exists")
	case errors.As(err, &exit) && (exit.ExitCode() == shadowBusy || exit.ExitCode() == shadowGroup) && strings.Contains(string(output), "lock"):
		return fmt.Errorf("%w: %s", ErrAccountsLocked, strings.TrimSpace(string(output)))
	}
	return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(output)))
}

// editIDs writes /etc/subuid or /etc/subgid. What becomes ours is written down
// first, so that a run that is killed is known to have made it.
func (pr *Provisioner) editIDs(ctx context.Context, s plan.EditIDs) error {
	for _, key := range s.Made {
		if err := pr.State().MadeIDs().Add(key); err != nil {
			return err
		}
	}
	gone := s.Gone
	err := pr.lockedWrite(ctx, s)
	if err != nil {
		gone = s.Made
	}
	for _, key := range gone {
		err = errors.Join(err, pr.State().MadeIDs().Forget(key))
	}
	return err
}

func (pr *Provisioner) lockedWrite(ctx context.Context, s plan.EditIDs) error {
	limited, cancel := context.WithTimeout(ctx, lockIDsWithin)
	defer cancel()
	unlock, err := subid.Lock(limited, pr.Paths.Etc)
	if err != nil {
		if errors.Is(err, subid.ErrLocked) {
			return fmt.Errorf("%w: %w", ErrAccountsLocked, err)
		}
		return err
	}
	defer unlock()
	if err = subid.Write(s.Path, s.Old, s.New); errors.Is(err, subid.ErrChanged) {
		return fmt.Errorf("%w: %w", daemonfile.ErrStale, err)
	}
	if err == nil || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EIO) || errors.Is(err, unix.EROFS) {
		return err
	}
	return &blocked.Refused{Object: s.Path, Err: err}
}
