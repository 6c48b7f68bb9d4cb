//go:build labhost

package systemd_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/systemd"
)

func TestHostRunTransient(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		run := func(argv ...string) error {
			return c.RunTransient(ctx, systemd.Transient{Name: "lab-run.service", Description: "a run of the lab", Argv: argv, Timeout: testTimeout})
		}
		if err := run("/bin/true"); err != nil {
			t.Errorf("true: %v", err)
		}
		for range 2 { // the second finds nothing left of the first
			want := systemd.JobError{Unit: "lab-run.service", Job: "run", Result: "failed"}
			err := run("/bin/false")
			if job, ok := errors.AsType[*systemd.JobError](err); !ok || *job != want {
				t.Errorf("false: got %v, want %v", err, &want)
			}
		}
		if err := run("/no/such/program"); err == nil || errors.Is(err, systemd.ErrLost) {
			t.Errorf("no such program: got %v, want an error", err)
		}
		odd := "$HOME ${HOME} $$ %n \\x41 \"'\n; a"
		const out = "/run/lab-run.out" // where the hardened service below may not write
		if err := run("/bin/sh", "-c", `printf %s "$1" >"$2"`, "sh", odd, out); err != nil {
			t.Errorf("sh: %v", err)
		}
		if got, err := os.ReadFile(out); err != nil || string(got) != odd {
			t.Errorf("an argument: got %q, %v, want %q", got, err, odd)
		}
		err := c.RunTransient(ctx, systemd.Transient{Name: "lab-run.service", Argv: []string{"/bin/sleep", "infinity"}, Timeout: time.Millisecond})
		if job, ok := errors.AsType[*systemd.JobError](err); !ok || job.Result != "failed" {
			t.Errorf("out of time: got %v, want a job that failed", err)
		}
		if got := unitOf(t, ctx, c, "lab-run.service"); got.LoadState != "not-found" {
			t.Errorf("afterwards: got %+v, want that it is gone", got)
		}
	})
}

func TestHostRunTransientWhoseContextEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, ctx context.Context, c *systemd.Conn) {
		asked, cancel := context.WithCancel(ctx)
		defer cancel()
		ended := make(chan error, 1)
		hints := c.Changes(ctx, "lab-run.service")
		go func() {
			ended <- c.RunTransient(asked, systemd.Transient{Name: "lab-run.service", Argv: []string{"/bin/sleep", "infinity"}, Timeout: testTimeout})
		}()
		pid := 0
		hintsUntil(t, ctx, c, hints, "lab-run.service", "running", func(unit systemd.Unit) bool {
			pid = unit.MainPID
			return pid != 0
		})
		if err := c.RunTransient(ctx, systemd.Transient{Name: "lab-run.service", Argv: []string{"/bin/true"}, Timeout: testTimeout}); err == nil || errors.Is(err, systemd.ErrLost) {
			t.Errorf("a second one of the same name: got %v, want a refusal", err)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "and stop") {
			t.Errorf("got %v, want %v and that it was stopped", err, context.Canceled)
		}
		// It may not have been reaped yet.
		if stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && !strings.Contains(string(stat), ") Z ") {
			t.Errorf("process %d: got %s, want that it is gone", pid, stat)
		}
		if got := unitOf(t, ctx, c, "lab-run.service"); got.LoadState != "not-found" {
			t.Errorf("got %+v, want that it is gone", got)
		}
	})
}

// RunTransient exists for this use.
func TestHostRunTransientByAHardenedService(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-run", "--quiet", "--wait", "--pipe", "--property=CapabilityBoundingSet=", "--property=NoNewPrivileges=yes",
		"--property=ProtectSystem=strict", "--property=SystemCallFilter=@system-service",
		self, "-test.v", "-test.run=^TestHostRunTransient(WhoseContextEnds)?$").CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: TestHostRunTransient ") {
		t.Errorf("got %v, want that the tests pass", err)
	}
}
