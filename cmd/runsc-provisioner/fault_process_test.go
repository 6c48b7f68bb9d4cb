package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"runsc-provisioner/test/need"
)

// holdLock is another run that holds the lock until the test ends.
func (h *fakeHost) holdLock() {
	h.t.Helper()
	if err := os.MkdirAll(h.paths.State, 0o700); err != nil {
		h.t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(h.paths.State, "lock"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { lock.Close() })
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		h.t.Fatal(err)
	}
}

func TestFault_F04_ASecondRunWaitsAndThenGivesUp(t *testing.T) {
	t.Parallel()
	h := freshHost(t, "{}")
	h.holdLock()
	for _, timeout := range []string{"0s", "1ms"} {
		h.refuses(exitTryAgain, []string{"another runsc-provisioner is changing this host", "hint: "}, "apply", "--lock-timeout="+timeout)
	}
	h.want(exitDone, "plan") // plan needs no lock
}

// Not parallel: umask and environment belong to the whole process.
func TestFault_F06_TheCallersUmaskAndEnvironmentHaveNoEffect(t *testing.T) {
	need.Root(t)
	h := freshHost(t, "")
	marker := filepath.Join(t.TempDir(), "ran")
	hostile := t.TempDir()
	for _, name := range []string{"runsc", "dockerd", "docker", "systemctl", "tar", "zstd", "sh"} {
		if err := os.WriteFile(filepath.Join(hostile, name), []byte("#!/bin/sh\necho "+name+" >>"+marker+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{
		"PATH": hostile, "LD_PRELOAD": "/nonexistent.so", "LD_LIBRARY_PATH": hostile, "GVISOR_SIDECAR_DIR": hostile,
		"RUNSC_DEBUG": "1", "DOCKER_HOST": "tcp://127.0.0.1:1", "DOCKER_API_VERSION": "1.1", "TMPDIR": "/nonexistent", "HOME": hostile,
	} {
		t.Setenv(name, value)
	}
	defer syscall.Umask(syscall.Umask(0o077))

	// The fake runsc fails if its environment is not clean.
	h.want(exitDone, "apply", "--release="+newer, "--default-runtime")

	if ran, err := os.ReadFile(marker); err == nil {
		t.Errorf("got %q run from the caller's PATH, want nothing", ran)
	}
	store := filepath.Join(h.paths.Store, newer)
	for path, want := range map[string]fs.FileMode{
		h.paths.DaemonJSON:                               0o644,
		filepath.Dir(h.paths.DaemonJSON):                 fs.ModeDir | 0o755,
		filepath.Dir(h.paths.Store):                      fs.ModeDir | 0o755,
		h.paths.Store:                                    fs.ModeDir | 0o755,
		store:                                            fs.ModeDir | 0o755,
		filepath.Join(store, "runsc"):                    0o755,
		filepath.Join(store, "gvisor-bin"):               fs.ModeDir | 0o755,
		filepath.Join(store, "gvisor-bin/gvisor_sentry"): 0o755,
		filepath.Join(store, "manifest.json"):            0o644,
		filepath.Dir(h.paths.Link):                       fs.ModeDir | 0o755,
		h.paths.State:                                    fs.ModeDir | 0o700,
		h.paths.Config:                                   fs.ModeDir | 0o755,
		filepath.Join(h.paths.Config, "config.d/50-apply.toml"): 0o644,
	} {
		wantMode(t, path, want)
	}
}

func TestFault_F07_WithoutRootNothingIsTouched(t *testing.T) {
	t.Parallel()
	h := freshHost(t, "{}")
	h.euid = 1000
	before := h.snapshot()
	h.refuses(exitNotRoot, []string{"error: this changes the host and needs root", "hint: run it with sudo"}, "apply", "--default-runtime")
	if _, err := os.Lstat(filepath.Dir(h.paths.State)); err == nil {
		t.Errorf("got %s made, want nothing", h.paths.State)
	}
	if got := h.dockerd.Asked() + h.bucket.requestCount(""); got != 0 {
		t.Errorf("got %d requests, want none", got)
	}
	got := h.want(exitDone, "plan")
	if !strings.Contains(got.stdout, "install  gVisor latest") {
		t.Errorf("plan: got %v, want it to show what apply would do", got)
	}
	h.untouched(before)
}
