//go:build labhost

package systemd_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"runsc-provisioner/systemd"
)

// hintsUntil takes hints until a unit has the wanted state. It asks only after
// a hint, so it never sees a change without one.
func hintsUntil(t *testing.T, ctx context.Context, c *systemd.Conn, hints <-chan struct{}, name, what string, wanted func(systemd.Unit) bool) {
	t.Helper()
	for {
		select {
		case <-hints:
		case <-ctx.Done():
			t.Fatalf("no hint came with which %s is %s", name, what)
		}
		unit, err := c.Unit(ctx, name)
		if err == nil && wanted(unit) {
			return
		}
	}
}

func hintsUntilState(t *testing.T, ctx context.Context, c *systemd.Conn, hints <-chan struct{}, name, state string) {
	t.Helper()
	hintsUntil(t, ctx, c, hints, name, state, func(unit systemd.Unit) bool { return unit.ActiveState == state })
}

// systemd answers the first call on its own socket, however short it is.
func TestHostFault_E12_CallRightAfterTheAuthentication(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	c, err := systemd.Dial(ctx, "unix:path=/run/systemd/private")
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	defer c.Close()
	for range 20 {
		connected, drop := context.WithCancel(ctx)
		<-c.Changes(connected, "docker.service")
		drop()
	}
	if ctx.Err() != nil {
		t.Error("a connection was not heard")
	}
}

func TestHostChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		hints := c.Changes(ctx, "lab-idle.service", "no-such.service")
		hintsUntilState(t, ctx, c, hints, "lab-idle.service", "inactive")
		for range 3 {
			systemctl(t, "start", "lab-idle.service")
			hintsUntilState(t, ctx, c, hints, "lab-idle.service", "active")
			systemctl(t, "kill", "-s", "KILL", "lab-idle.service")
			hintsUntilState(t, ctx, c, hints, "lab-idle.service", "failed")
			systemctl(t, "reset-failed", "lab-idle.service")
			hintsUntilState(t, ctx, c, hints, "lab-idle.service", "inactive")
		}
	})
}

// If asking gave a hint, a caller that asks after each hint would never stop.
func TestHostAskingGivesNoHint(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		hints := c.Changes(ctx, "no-such.service", "lab-idle.service")
		<-hints
		got := 0
		for range 100 {
			for _, name := range []string{"no-such.service", "lab-idle.service"} {
				unitOf(t, ctx, c, name)
			}
			select {
			case <-hints:
				got++
			default:
			}
		}
		if got != 0 {
			t.Errorf("asked 100 times for units that are not loaded: got %d hints, want none", got)
		}
		systemctl(t, "start", "lab-idle.service")
		hintsUntilState(t, ctx, c, hints, "lab-idle.service", "active")
		systemctl(t, "stop", "lab-idle.service")
		hintsUntilState(t, ctx, c, hints, "lab-idle.service", "inactive")
	})
}

func TestHostChangesOfUnitFiles(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		hints := c.Changes(ctx, "lab-new.service")
		<-hints
		state := func(want string) {
			t.Helper()
			hintsUntil(t, ctx, c, hints, "lab-new.service", want, func(unit systemd.Unit) bool { return unit.LoadState == want })
		}
		const file = "/run/systemd/system/lab-new.service"
		if err := os.WriteFile(file, []byte("[Service]\nExecStart=/bin/sleep infinity\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		systemctl(t, "daemon-reload")
		state("loaded")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		systemctl(t, "daemon-reload")
		state("not-found")
	})
}

func TestHostFault_E07_ChangesGoOn(t *testing.T) {
	for what, lose := range map[string][]string{
		"systemd executed again": {"daemon-reexec"},
		"bus killed":             {"kill", "-s", "KILL", "dbus.service"},
	} {
		t.Run(what, func(t *testing.T) {
			onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
				hints := c.Changes(ctx, "lab-idle.service")
				<-hints
				systemctl(t, lose...)
				for exec.Command("systemctl", "start", "lab-idle.service").Run() != nil && ctx.Err() == nil {
					// Until systemd is back.
				}
				hintsUntilState(t, ctx, c, hints, "lab-idle.service", "active")
				for exec.Command("systemctl", "stop", "lab-idle.service").Run() != nil && ctx.Err() == nil {
				}
				hintsUntilState(t, ctx, c, hints, "lab-idle.service", "inactive")
			})
		})
	}
}

// A mount that another program makes is a unit that is active from the start.
// systemd only signals that it is new.
func TestHostChangesOfAUnitThatIsActiveWhenItIsLoaded(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		dir := t.TempDir()
		out, err := exec.Command("systemd-escape", "--path", "--suffix=mount", dir).Output()
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSpace(string(out))
		hints := c.Changes(ctx, name)
		<-hints
		if out, err := exec.Command("mount", "-t", "tmpfs", "tmpfs", dir).CombinedOutput(); err != nil {
			t.Fatalf("mount: %v: %s", err, out)
		}
		defer exec.Command("umount", dir).Run()
		hintsUntilState(t, ctx, c, hints, name, "active")
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Fatalf("umount: %v: %s", err, out)
		}
		hintsUntilState(t, ctx, c, hints, name, "inactive")
	})
}
