package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
)

func TestHintOfADownloadWithoutDockersProxy(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	t.Setenv("https_proxy", "")
	failed := fmt.Errorf("fetch: %w", &release.UnavailableError{URL: "https://x", Err: errors.New("no route")})
	paths := host.DefaultPaths()
	paths.DaemonJSON = t.TempDir() + "/daemon.json"
	has := func(environment ...string) *host.Host {
		return &host.Host{Paths: paths, Units: &fakeUnits{unit: host.Unit{Name: host.DockerUnit, LoadState: "loaded", ExecStart: []string{"/usr/sbin/dockerd"}, Environment: environment}}}
	}
	code, hint := remedy(withProxy(t.Context(), has("HTTPS_PROXY=http://bob:secret@proxy.lab"), failed))
	if code != exitTryAgain || !strings.Contains(hint, "HTTPS_PROXY of docker.service") || strings.Contains(hint, "secret") {
		t.Errorf("got %d, %q, want where dockerd has a proxy", code, hint)
	}
	if _, hint := remedy(withProxy(t.Context(), has(), failed)); strings.Contains(hint, "dockerd has a proxy") {
		t.Errorf("dockerd without a proxy: got %q", hint)
	}
	if got := withProxy(t.Context(), has("HTTPS_PROXY=http://p"), state.ErrLocked); !errors.Is(got, state.ErrLocked) {
		t.Errorf("another error: got %v", got)
	}
	t.Setenv("https_proxy", "http://own")
	if _, hint := remedy(withProxy(t.Context(), has("HTTPS_PROXY=http://p"), failed)); strings.Contains(hint, "docker.service") {
		t.Errorf("with a proxy of our own: got %q", hint)
	}
}

func TestFault_X23_ASecondDaemonIsToTryAgain(t *testing.T) {
	dir := t.TempDir()
	unlock, err := state.LockDaemon(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = state.LockDaemon(t.Context(), dir)
	if code, hint := remedy(err); !errors.Is(err, state.ErrDaemonRuns) || code != exitTryAgain || hint == "" {
		t.Errorf("got %v, %d, %q, want %d and a hint", err, code, hint, exitTryAgain)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if unlock, err = state.LockDaemon(t.Context(), dir); err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	_ = unlock()
}
