package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"runsc-provisioner/test/need"
)

// cancelAfter runs apply and cancels it after n of its steps.
func (h *fakeHost) cancelAfter(n int, args ...string) (got outcome, steps int) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	h.ctx, h.after = ctx, func(string) {
		if steps++; steps == n {
			cancel()
		}
	}
	defer func() { h.ctx, h.after = nil, nil }()
	return h.run(append([]string{"apply"}, args...)...), steps
}

// A signal comes after each step in turn. Either all is as before or all is done,
// and the exit code and the message say which.
func TestFault_X14_ASignalAfterEachStep(t *testing.T) {
	t.Parallel()
	need.Root(t)
	whole := freshHost(t, "{}")
	_, steps := whole.cancelAfter(0, "--release="+newer, "--default-runtime")
	if steps < 9 {
		t.Fatalf("got %d steps", steps)
	}
	for n := 1; n <= steps; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			h := freshHost(t, "{}")
			got, done := h.cancelAfter(n, "--release="+newer, "--default-runtime")
			saved := filepath.Join(h.paths.Config, "config.d/50-apply.toml")
			_, err := os.Lstat(saved)
			switch {
			case n == steps:
				if got.code != exitDone || err != nil || !strings.Contains(got.stdout, "done in") {
					t.Errorf("got %v, %v, want it done and the flags saved", got, err)
				}
			case got.code != exitFailed && got.code != exitRolledBack || err == nil || done != n:
				t.Errorf("got %v after %d steps, %v, want it ended and no flags saved", got, done, err)
			case h.read("etc/docker/daemon.json") != "{}" || h.dockerd.DefaultRuntime != "runc" || len(h.dockerd.Runtimes) != 1:
				t.Errorf("got daemon.json %s and dockerd with %s and %v, want both as before", h.read("etc/docker/daemon.json"), h.dockerd.DefaultRuntime, h.dockerd.Runtimes)
			}
			if _, err := os.Lstat(filepath.Join(h.paths.State, "journal.json")); err == nil {
				t.Error("got a journal left, want it closed")
			}
			// The downloaded release stays, and the message says so.
			if want := "stays (install)"; n < steps && !strings.Contains(got.stderr, want) {
				t.Errorf("got stderr %q, want %q", got.stderr, want)
			}
			if again := h.want(exitDone, "apply", "--release="+newer, "--default-runtime"); n == steps && !strings.Contains(again.stdout, "nothing to do") || strings.Contains(again.stdout, "killed") {
				t.Errorf("the next run: got %v", again)
			}
		})
	}
}

func TestFault_X14_ASignalBeforeTheFirstStep(t *testing.T) {
	t.Parallel()
	h := freshHost(t, "{}")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.ctx = ctx
	h.refuses(exitFailed, []string{"hint: nothing was changed"}, "apply", "--release="+newer)
}

// A closed or full output stops no work. It is an error of a command that exists for
// its output.
func TestFault_X14_ALostOutputStopsNoWork(t *testing.T) {
	t.Parallel()
	need.Root(t)
	for _, lost := range []error{syscall.EPIPE, syscall.EIO, syscall.ENOSPC} {
		t.Run(lost.Error(), func(t *testing.T) {
			t.Parallel()
			h := freshHost(t, "{}")
			h.lost = lost
			for _, test := range []struct {
				code int
				args string
			}{
				{exitFailed, "plan"},
				{exitFailed, "plan --format json"},
				{exitDone, "apply --default-runtime --release=" + newer},
				{exitDone, "apply --format json"},
				{exitDone, "prove"},
				{exitFailed, "plan --detailed-exitcode"},
				{exitFailed, "status"},
				{exitFailed, "status --format json"},
				{exitFailed, "config show"},
				{exitFailed, "config check"},
				{exitFailed, "debug-bundle -"},
				{exitFailed, "version"},
				{exitFailed, "--version"},
				{exitFailed, "--help"},
				{3, "verify"},
				{3, "verify --format json"},
				{3, "verify --format plugin"},
				{3, "verify --format prometheus"},
				{3, "verify --json-schema"},
				{3, "doctor"},
				{3, "doctor --format json"},
			} {
				got := h.want(test.code, strings.Fields(test.args)...)
				if said := strings.Contains(got.stderr, lost.Error()); said == errors.Is(lost, syscall.EPIPE) {
					t.Errorf("%s: got stderr %q, want it to name the error, except a closed pipe", test.args, got.stderr)
				}
			}
			if h.dockerd.DefaultRuntime != "runsc" {
				t.Errorf("got default runtime %s, want runsc", h.dockerd.DefaultRuntime)
			}
			h.lost = nil
			if got := h.want(exitDone, "apply"); !strings.Contains(got.stdout, "nothing to do") {
				t.Errorf("got %v, want nothing left to do", got)
			}
		})
	}
}
