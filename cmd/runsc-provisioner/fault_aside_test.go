package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// hooked calls before with each request for an artifact.
type hooked struct {
	http.RoundTripper
	before func()
}

func (h hooked) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, artifactName) {
		h.before()
	}
	return h.RoundTripper.RoundTrip(r)
}

// downloading has during called while the next run downloads a release.
func (h *fakeHost) downloading(during func()) {
	h.http = h.bucket.client(h.limits)
	h.http.Transport = hooked{h.http.Transport, during}
}

func TestFault_X15_AnApplyThatDownloadsHasNoLock(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	h.downloading(func() {
		if got := h.want(exitDone, "apply", "--lock-timeout=0"); !strings.Contains(got.stdout, "nothing to do") {
			t.Errorf("another run beside the download: got %v, want nothing to do", got)
		}
	})
	h.want(exitDone, "apply", "--release="+newer)
	if got := h.dockerd.runtimes["runsc"].Path; got != h.runsc(newer) {
		t.Errorf("got dockerd with %s, want %s", got, h.runsc(newer))
	}
}

// A release that another run has installed meanwhile is not removed when it does
// not work here: that run, or Docker, may need it.
func TestFault_X15_WhatAnotherRunInstalledStays(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	h.downloading(func() {
		h.http = nil
		h.want(exitDone, "apply", "--release="+newer)
		h.want(exitDone, "apply", "--release="+older)
	})
	h.want(exitFailed, "apply", "--release="+newer, "--runtime-arg=--no-such-flag")
	if _, err := os.Lstat(h.runsc(newer)); err != nil {
		t.Errorf("got %v, want the release of the other run left there", err)
	}
}

// A run that is killed while this one downloads is finished or reverted first.
func TestFault_X15_ARunThatIsKilledBesideADownload(t *testing.T) {
	t.Parallel()
	needRoot(t)
	h := freshHost(t, "{}")
	state := h.paths.State
	var journal, written []byte
	h.after = func(action string) {
		if action != "write" || journal != nil {
			return
		}
		var err error
		if journal, err = os.ReadFile(filepath.Join(state, "journal.json")); err != nil {
			t.Error(err)
		}
		if written, err = os.ReadFile(h.paths.DaemonJSON); err != nil {
			t.Error(err)
		}
	}
	h.want(exitDone, "apply", "--release="+older)
	h.after = nil
	journal = regexp.MustCompile(`,\s*"trial": "[^"]*"`).ReplaceAll(journal, nil) // which a fake dockerd does not know
	h.downloading(func() {
		for path, text := range map[string][]byte{filepath.Join(state, "journal.json"): journal, h.paths.DaemonJSON: written} {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Error(err)
			}
		}
	})
	got := h.want(exitDone, "apply", "--release="+newer, "--default-runtime")
	if !strings.Contains(got.stdout, "a run that was killed is finished") {
		t.Errorf("got %v, want what the killed run had left finished", got)
	}
	if got := h.dockerd.runtimes["runsc"].Path; got != h.runsc(newer) || h.dockerd.defaultRuntime != "runsc" {
		t.Errorf("got dockerd with %s by default and %s, want runsc of %s", h.dockerd.defaultRuntime, got, newer)
	}
}
