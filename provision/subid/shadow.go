package subid

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
)

const (
	// lockTimeout is how long the shadow tools wait for each other.
	lockTimeout = 15 * time.Second
	// accountTimeout limits useradd and userdel, which take 50 ms.
	accountTimeout = time.Minute
)

// AddUser creates a system user without login and home. Its group has the same name; grouped
// says that this group already exists. The error is ErrLocked while another program edits
// the accounts, or a *blocked.Refused if useradd is missing.
func AddUser(ctx context.Context, name string, grouped bool) error {
	args := []string{"--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"}
	if grouped {
		args = append(args, "--gid", name)
	} else {
		args = append(args, "--user-group")
	}
	return runShadow(ctx, "useradd", append(args, name)...)
}

// RemoveUser removes a user and the group of the same name. Its errors are those of AddUser.
func RemoveUser(ctx context.Context, name string) error { return runShadow(ctx, "userdel", name) }

// Exit codes of useradd(8) and userdel(8).
const (
	shadowBusy  = 1  // cannot update password file: it is locked
	shadowGroup = 10 // cannot update group file
)

// runShadow runs one of the shadow tools to its end, even if ctx ends: a tool that is killed
// leaves its locks, and perhaps half an account.
func runShadow(ctx context.Context, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), accountTimeout)
	defer cancel()
	output, err := command.New(ctx, program, args...).CombinedOutput()
	printed := strings.TrimSpace(string(output))
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return blocked.Refuse(program, "is missing: install the package passwd (shadow), or name an existing user")
	case errors.As(err, &exit) && (exit.ExitCode() == shadowBusy || exit.ExitCode() == shadowGroup) && strings.Contains(printed, "lock"):
		return fmt.Errorf("%w: %s", ErrLocked, printed)
	}
	return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, printed)
}

// Apply writes the edit under the locks of the shadow tools in the directory etc. The error
// is ErrLocked after 15 s if another program holds the locks, ErrChanged if the file no
// longer has the text Old, ENOSPC, EDQUOT, EIO or EROFS, or else a *blocked.Refused.
func (e Edit) Apply(ctx context.Context, etc string) error {
	limited, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	unlock, err := Lock(limited, etc)
	if err != nil {
		return err
	}
	defer unlock()
	err = Write(e.Path, e.Old, e.New)
	for _, expected := range []error{ErrChanged, unix.ENOSPC, unix.EDQUOT, unix.EIO, unix.EROFS} {
		if errors.Is(err, expected) {
			return err
		}
	}
	if err != nil {
		return &blocked.Refused{Object: e.Path, Err: err}
	}
	return nil
}
