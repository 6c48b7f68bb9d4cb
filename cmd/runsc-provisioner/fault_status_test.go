package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/process"
	"runsc-provisioner/test/need"
)

// daemonIs publishes the status of a daemon, which is the process pid.
func (h *fakeHost) daemonIs(pid int) {
	h.t.Helper()
	h.write("run/runsc-provisioner/status.json", fmt.Sprintf(`{"schema_version": 1, "state": "enforced", "line": "enforced", "pid": %d, "pid_start": %d}`, pid, process.Start(pid)))
}

// A daemon that cannot write its status has an old one in place, which said that all is well.
func TestFault_X23_AStatusThatCannotBeReplaced(t *testing.T) {
	need.Root(t)
	h := freshHost(t, "{}")
	h.daemonIs(os.Getpid())
	h.want(exitDone, "status")
	path := filepath.Join(h.paths.Run, "status.json")
	attribute := func(change string) {
		if out, err := exec.Command("chattr", change, path).CombinedOutput(); err != nil {
			t.Fatalf("chattr %s %s: %v: %s", change, path, err, out)
		}
	}
	attribute("+i")
	t.Cleanup(func() { attribute("-i") })
	if got := h.want(exitFailed, "status"); !strings.Contains(got.stdout, "chattr -i -a /run/runsc-provisioner/status.json") {
		t.Errorf("got %v, want the command that lets it be replaced", got)
	}
}

// Once the lock file of the first daemon was removed, a second one could start.
func TestFault_X23_ASecondDaemonWithoutTheLockOfTheFirst(t *testing.T) {
	need.Root(t)
	h := freshHost(t, "{}")
	h.daemonIs(os.Getppid())
	got := h.want(exitTryAgain, "daemon")
	if pid := strconv.Itoa(os.Getppid()); !strings.Contains(got.stderr, "another runsc-provisioner daemon runs on this host: process "+pid) {
		t.Errorf("got %v, want the first daemon's process", got)
	}
}

// A suspended daemon holds the lock: the wait is announced, with the command that ends it.
func TestFault_F04_TheOtherRunIsSuspended(t *testing.T) {
	need.Root(t)
	t.Parallel()
	h := freshHost(t, "{}")
	suspended := exec.Command("sleep", "600")
	if err := suspended.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = suspended.Process.Kill(), suspended.Wait() })
	pid := suspended.Process.Pid
	var changed unix.WaitStatus
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Wait4(pid, &changed, unix.WUNTRACED, nil); err != nil {
		t.Fatal(err)
	}
	h.daemonIs(pid)
	h.holdLock()
	h.refuses(exitTryAgain, []string{"waiting up to 1.1s", "sudo kill -CONT " + strconv.Itoa(pid), "hint: "}, "apply", "--lock-timeout=1100ms")
}

func TestFault_X24_AFileInPlaceOfTheDirectoryOfDaemonJSON(t *testing.T) {
	need.Root(t)
	t.Parallel()
	h := freshHost(t, "")
	if err := os.RemoveAll(filepath.Dir(h.paths.DaemonJSON)); err != nil {
		t.Fatal(err)
	}
	h.write("etc/docker", "theirs")
	for _, command := range []string{"plan", "apply"} {
		h.want(exitRefused, command, "--release="+older)
	}
	if got := h.read("etc/docker"); got != "theirs" {
		t.Errorf("got %q, want the file as it was", got)
	}
}
