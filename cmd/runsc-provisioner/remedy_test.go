package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/systemd"
)

// Exit 3 promises that all is as before. A hint only says what was really put back: each
// outcome has its own.
func TestFault_X01_ExitCodesOfARollback(t *testing.T) {
	cause := errors.New("cause")
	if code, _ := remedy(&transaction.RolledBack{Cause: cause}); code != exitRolledBack {
		t.Errorf("all is put back: got exit %d, want %d", code, exitRolledBack)
	}
	if code, hint := remedy(&transaction.RolledBack{Cause: fmt.Errorf("reload: %w", systemd.ErrReloadHung)}); code != exitRolledBack || !strings.Contains(hint, "ExecReload") {
		t.Errorf("X23: a command of ExecReload hung: got exit %d and hint %q", code, hint)
	}
	seen := map[string]string{}
	check := func(name string, err error) {
		t.Helper()
		for _, err := range []error{err, &provision.Interrupted{Err: err}, errors.Join(err, cause)} {
			code, hint := remedy(err)
			if code != exitNotUndone || hint == "" {
				t.Errorf("%s: got exit %d and hint %q, want %d", name, code, hint, exitNotUndone)
			}
			if other := seen[hint]; other != "" && other != name {
				t.Errorf("%s and %s: got the same hint, %q", name, other, hint)
			}
			seen[hint] = name
		}
	}
	for file := transaction.FileUnknown; file <= transaction.FileChanged; file++ {
		for docker := transaction.DockerUnknown; docker <= transaction.DockerChanged; docker++ {
			left := transaction.Left{File: file, Docker: docker}
			check(fmt.Sprintf("rolled back %+v", left), &transaction.RolledBack{Cause: cause, Restore: syscall.ENOSPC, Left: left})
		}
		for _, aside := range []string{"", "/set-aside/1"} {
			left := transaction.Left{File: file, Docker: transaction.DockerStopped, Aside: aside}
			check(fmt.Sprintf("down %+v", left), &transaction.DockerDown{Cause: cause, Left: left})
		}
	}
}
