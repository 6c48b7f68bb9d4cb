//go:build labhost

// This file is run on a lab host, against its real systemd and dockerd, by
// test/e2e.

package systemd_test

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/systemd"
)

// testTimeout is far longer than any of these tests takes.
const testTimeout = 5 * time.Minute

func systemctl(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("systemctl", args...).CombinedOutput(); err != nil {
		t.Fatalf("systemctl %q: %v: %s", args, err, out)
	}
}

// onBoth runs a test over the private socket and over the system bus.
func onBoth(t *testing.T, test func(*testing.T, context.Context, *systemd.Conn)) {
	for name, address := range map[string]string{"default": "", "bus": "unix:path=/run/dbus/system_bus_socket"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			c, err := systemd.Dial(ctx, address)
			if err != nil {
				t.Fatalf("Dial: %v", err)
			}
			defer c.Close()
			test(t, ctx, c)
		})
	}
}

func unitOf(t *testing.T, ctx context.Context, c *systemd.Conn, name string) systemd.Unit {
	t.Helper()
	unit, err := c.Unit(ctx, name)
	if err != nil {
		t.Fatalf("Unit %s: %v", name, err)
	}
	return unit
}

func TestHostUnit(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		docker := unitOf(t, ctx, c, "docker.service")
		t.Logf("%+v", docker)
		if docker.Name != "docker.service" || docker.LoadState != "loaded" || docker.ActiveState != "active" || docker.SubState != "running" || docker.Result != "success" {
			t.Errorf("got %+v, want it loaded and running", docker)
		}
		if docker.MainPID < 2 || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(docker.InvocationID) || docker.NeedDaemonReload {
			t.Errorf("got pid %d, invocation %q, reload needed %t", docker.MainPID, docker.InvocationID, docker.NeedDaemonReload)
		}
		if !strings.HasSuffix(docker.FragmentPath, "/systemd/system/docker.service") || !slices.Equal(docker.DropIns, []string{"/etc/systemd/system/docker.service.d/10-lab.conf"}) {
			t.Errorf("got %q and %q", docker.FragmentPath, docker.DropIns)
		}
		if len(docker.ExecStart) == 0 || docker.ExecStart[0] != "/usr/sbin/dockerd" || !slices.Contains(docker.ExecStart, "$DOCKER_OPTS") {
			t.Errorf("ExecStart: got %q", docker.ExecStart)
		}
		if !slices.Equal(docker.Environment, []string{"LAB=a b"}) || !slices.Equal(docker.EnvironmentFiles, []string{"-/etc/default/docker"}) {
			t.Errorf("got environment %q, files %q", docker.Environment, docker.EnvironmentFiles)
		}
		if got := unitOf(t, ctx, c, "no-such.service"); got.LoadState != "not-found" || got.ActiveState != "inactive" {
			t.Errorf("no such unit: got %+v", got)
		}
		if got := unitOf(t, ctx, c, "lab-masked.service"); got.LoadState != "masked" {
			t.Errorf("masked unit: got %+v", got)
		}
		if got := unitOf(t, ctx, c, "docker.socket"); got.ActiveState != "active" || got.MainPID != 0 {
			t.Errorf("a socket: got %+v", got)
		}
	})
}

func TestHostReloadAndRestart(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		before := unitOf(t, ctx, c, "docker.service")
		if err := c.Reload(ctx, "docker.service"); err != nil {
			t.Fatalf("Reload: %v", err)
		}
		if after := unitOf(t, ctx, c, "docker.service"); after.MainPID != before.MainPID || after.InvocationID != before.InvocationID {
			t.Errorf("after a reload: got %+v, want the same process", after)
		}
		if err := c.Restart(ctx, "docker.service"); err != nil {
			t.Fatalf("Restart: %v", err)
		}
		if after := unitOf(t, ctx, c, "docker.service"); after.ActiveState != "active" || after.MainPID == before.MainPID || after.InvocationID == before.InvocationID {
			t.Errorf("after a restart: got %+v, want another process than %d", after, before.MainPID)
		}
		if err := c.Start(ctx, "docker.service"); err != nil {
			t.Errorf("Start of an active unit: %v", err)
		}
		if err := c.ResetFailed(ctx, "docker.service"); err != nil { // or the restarts of these tests hit the limit
			t.Errorf("ResetFailed: %v", err)
		}
	})
}

func TestHostJobsThatSystemdRefuses(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		for what, err := range map[string]error{
			"reload of an inactive unit": c.Reload(ctx, "lab-idle.service"),
			"reload of a missing unit":   c.Reload(ctx, "no-such.service"),
			"start of a missing unit":    c.Start(ctx, "no-such.service"),
			"start of a masked unit":     c.Start(ctx, "lab-masked.service"),
		} {
			t.Logf("%s: %v", what, err)
			if err == nil || errors.Is(err, systemd.ErrLost) {
				t.Errorf("%s: got %v, want systemd's refusal", what, err)
			}
		}
		if got := unitOf(t, ctx, c, "lab-idle.service"); got.ActiveState != "inactive" {
			t.Errorf("after a refused reload: got %+v, want it inactive", got)
		}
	})
}

func TestHostFault_E05_JobsThatFail(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		for name, want := range map[string]string{"lab-fails.service": "failed", "lab-needs.service": "dependency", "lab-late.service": "timeout"} {
			err := c.Start(ctx, name)
			t.Log(err)
			if job, ok := errors.AsType[*systemd.JobError](err); !ok || job.Result != want {
				t.Errorf("start %s: got %v, want a job that ends with %q", name, err, want)
			}
		}
		if got := unitOf(t, ctx, c, "lab-fails.service"); got.ActiveState != "failed" || got.Result != "exit-code" {
			t.Errorf("got %+v, want it failed with exit-code", got)
		}
		if err := c.ResetFailed(ctx, "lab-fails.service"); err != nil {
			t.Errorf("ResetFailed: %v", err)
		}
		if got := unitOf(t, ctx, c, "lab-fails.service"); got.ActiveState != "inactive" || got.Result != "success" {
			t.Errorf("after reset-failed: got %+v, want it inactive", got)
		}
		systemctl(t, "stop", "lab-late.service")
	})
}

func TestHostFault_E05_StartLimit(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		var err error
		for range 4 {
			if err = c.Restart(ctx, "lab-limited.service"); err != nil {
				break
			}
		}
		unit := unitOf(t, ctx, c, "lab-limited.service")
		t.Log(err)
		if _, ok := errors.AsType[*systemd.JobError](err); !ok || unit.Result != "start-limit-hit" {
			t.Fatalf("got %v and %+v, want the start limit hit", err, unit)
		}
		if err := c.ResetFailed(ctx, "lab-limited.service"); err != nil {
			t.Fatalf("ResetFailed: %v", err)
		}
		if err := c.Start(ctx, "lab-limited.service"); err != nil {
			t.Errorf("start after reset-failed: %v", err)
		}
		systemctl(t, "stop", "lab-limited.service") // and unloaded, as nothing refers to it
		if err := c.ResetFailed(ctx, "lab-limited.service"); err != nil {
			t.Errorf("reset-failed of a unit that is not loaded: got %v, want nil", err)
		}
	})
}

// startSlow starts a unit that never becomes active, calls meanwhile once
// systemd works on it, and returns Start's error.
func startSlow(t *testing.T, ctx context.Context, c *systemd.Conn, meanwhile func()) error {
	t.Helper()
	started := make(chan error, 1)
	go func() { started <- c.Start(ctx, "lab-slow.service") }()
	// By a command, because c is in the middle of a job.
	for {
		out, _ := exec.Command("systemctl", "show", "-P", "ActiveState", "lab-slow.service").Output()
		if strings.TrimSpace(string(out)) == "activating" {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("lab-slow.service is not being started")
		}
	}
	meanwhile()
	return <-started
}

func TestHostJobsThatDoNotEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		err := startSlow(t, ctx, c, func() { systemctl(t, "stop", "lab-slow.service") })
		if job, ok := errors.AsType[*systemd.JobError](err); !ok || job.Result != "canceled" {
			t.Errorf("stopped by another program: got %v, want a job that was canceled", err)
		}
		limited, cancel := context.WithCancel(ctx)
		defer cancel()
		if err := startSlow(t, limited, c, cancel); !errors.Is(err, context.Canceled) {
			t.Errorf("context ended: got %v, want %v", err, context.Canceled)
		}
		systemctl(t, "stop", "lab-slow.service")
	})
}

// A stop that an administrator has queued must remain.
func TestHostJobDoesNotCancelAStop(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		systemctl(t, "start", "lab-stubborn.service")
		systemctl(t, "stop", "--no-block", "lab-stubborn.service")
		for _, err := range []error{c.Reload(ctx, "lab-stubborn.service"), c.Start(ctx, "lab-stubborn.service")} {
			t.Log(err)
			if err == nil || errors.Is(err, systemd.ErrLost) {
				t.Errorf("while it is being stopped: got %v, want a refusal", err)
			}
		}
		for unitOf(t, ctx, c, "lab-stubborn.service").ActiveState != "deactivating" {
			// The stop is still queued: Unit fails when ctx ends before it begins.
		}
		systemctl(t, "kill", "-s", "KILL", "lab-stubborn.service")
		systemctl(t, "stop", "lab-stubborn.service")
	})
}

func TestHostFault_E07_SystemdGoesAwayAndComesBack(t *testing.T) {
	lose := map[string]func(){
		"default": func() { systemctl(t, "daemon-reexec") },
		"bus":     func() { systemctl(t, "kill", "-s", "KILL", "dbus.service") },
	}
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		err := startSlow(t, ctx, c, lose[strings.TrimPrefix(t.Name(), "TestHostFault_E07_SystemdGoesAwayAndComesBack/")])
		t.Log(err)
		if !errors.Is(err, systemd.ErrLost) {
			t.Errorf("lost in the middle of a job: got %v, want %v", err, systemd.ErrLost)
		}
		// Ask until it is back, as a caller would.
		for ctx.Err() == nil {
			var unit systemd.Unit
			if unit, err = c.Unit(ctx, "lab-slow.service"); err == nil {
				if unit.ActiveState != "activating" {
					t.Errorf("the state is looked at: got %+v, want the job still going on", unit)
				}
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err != nil {
			t.Fatalf("after it is back: %v", err)
		}
		if err := c.Restart(ctx, "lab-fine.service"); err != nil {
			t.Errorf("a job after it is back: %v", err)
		}
		exec.Command("systemctl", "stop", "lab-slow.service").Run()
	})
}
