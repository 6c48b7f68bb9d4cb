package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"runsc-provisioner/test/need"
)

// requestHook calls before ahead of each request for an artifact.
type requestHook struct {
	http.RoundTripper
	before func()
}

func (h requestHook) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, artifactName) {
		h.before()
	}
	return h.RoundTripper.RoundTrip(r)
}

// duringDownload calls during while the next run downloads a release.
func (h *fakeHost) duringDownload(during func()) {
	h.http = h.bucket.client(h.limits)
	h.http.Transport = requestHook{h.http.Transport, during}
}

func TestFault_X15_AnApplyThatDownloadsHasNoLock(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	h.duringDownload(func() {
		if got := h.want(exitDone, "apply", "--lock-timeout=0"); !strings.Contains(got.stdout, "nothing to do") {
			t.Errorf("another run during the download: got %v, want nothing to do", got)
		}
	})
	h.want(exitDone, "apply", "--release="+newer)
	if got := h.dockerd.Runtimes["runsc"].Path; got != h.runsc(newer) {
		t.Errorf("got dockerd with %s, want %s", got, h.runsc(newer))
	}
}

// Another run installed the release meanwhile. If the release does not work here,
// it still stays, because that run or Docker may need it.
func TestFault_X15_AReleaseOfAnotherRunStays(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	h.duringDownload(func() {
		h.http = nil
		h.want(exitDone, "apply", "--release="+newer)
		h.want(exitDone, "apply", "--allow-downgrade", "--release="+older)
	})
	h.want(exitFailed, "apply", "--release="+newer, "--runtime-arg=--no-such-flag")
	if _, err := os.Lstat(h.runsc(newer)); err != nil {
		t.Errorf("got %v, want the release of the other run to stay", err)
	}
}

// Another run is killed while this one downloads. This one must finish or revert
// its change first.
func TestFault_X15_ARunKilledDuringADownloadIsRecovered(t *testing.T) {
	t.Parallel()
	need.Root(t)
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
	journal = regexp.MustCompile(`,\s*"trial": "[^"]*"`).ReplaceAll(journal, nil) // the fake dockerd has no trials
	h.duringDownload(func() {
		for path, text := range map[string][]byte{filepath.Join(state, "journal.json"): journal, h.paths.DaemonJSON: written} {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Error(err)
			}
		}
	})
	got := h.want(exitDone, "apply", "--release="+newer, "--default-runtime")
	if !strings.Contains(got.stdout, "finished the change of a killed run") {
		t.Errorf("got %v, want the change of the killed run finished", got)
	}
	if got := h.dockerd.Runtimes["runsc"].Path; got != h.runsc(newer) || h.dockerd.DefaultRuntime != "runsc" {
		t.Errorf("got dockerd with %s by default and %s, want runsc of %s", h.dockerd.DefaultRuntime, got, newer)
	}
}
