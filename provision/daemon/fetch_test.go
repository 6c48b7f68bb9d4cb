package daemon

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

// hanging is a release server that answers when its client has given up, or with
// 404 once it is told to.
func hanging(t *testing.T) (f *fetches, spec release.Spec, arrived chan struct{}, answer func()) {
	t.Helper()
	arrived, goOn := make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-goOn:
		case <-r.Context().Done():
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	host := &provision.Provisioner{
		Host: host.Host{Paths: host.Paths{Store: filepath.Join(t.TempDir(), "store")}, Owner: os.Geteuid()},
		HTTP: server.Client(), Limits: release.Limits{Download: download.Limits{Tries: 1}},
	}
	f = newFetches(host, time.Now)
	t.Cleanup(f.close)
	return f, release.Spec{URL: server.URL, Channel: "release", Version: "20260914.0", Arch: release.Arch(), Trust: release.TrustChecksum}, arrived, func() { close(goOn) }
}

func (f *fetches) leftovers(t *testing.T) int {
	t.Helper()
	left, err := os.ReadDir(f.host.Paths.Store)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return len(left)
}

func TestFault_X15_AFetchThatFailsIsTakenOnce(t *testing.T) {
	f, spec, arrived, answer := hanging(t)
	step := steps.InstallRelease{Spec: spec, Why: "not installed"}
	if _, err := f.fetched(t.Context(), step, nil); !errors.Is(err, errFetching) {
		t.Fatalf("got %v, want %v", err, errFetching)
	}
	<-arrived
	if _, err := f.fetched(t.Context(), step, nil); !errors.Is(err, errFetching) || len(arrived) != 0 {
		t.Errorf("a second time: got %v, want the one under way", err)
	}
	if under, is := f.underWay(step); !is || under.Release != spec.Version || under.Since.IsZero() {
		t.Errorf("got %+v, %t under way", under, is)
	}
	answer()
	<-f.ended
	if _, is := f.underWay(step); is {
		t.Error("got it under way after its end")
	}
	var refused *release.RefusedError
	if _, err := f.fetched(t.Context(), step, nil); !errors.As(err, &refused) {
		t.Errorf("got %v, want why it could not be had", err)
	}
	if _, err := f.fetched(t.Context(), step, nil); !errors.Is(err, errFetching) {
		t.Errorf("got %v, want another try", err)
	}
	f.close()
	if n := f.leftovers(t); n != 0 {
		t.Errorf("got %d entries left in the store", n)
	}
}

func TestFault_X15_AFetchEndsWithItsReasonOrTheDaemon(t *testing.T) {
	for name, end := range map[string]func(f *fetches, cancel context.CancelFunc, other steps.InstallRelease){
		"no longer missing": func(f *fetches, _ context.CancelFunc, _ steps.InstallRelease) { f.cancelUnwanted() },
		"the daemon ends":   func(f *fetches, cancel context.CancelFunc, _ steps.InstallRelease) { cancel() },
		"another one is wanted": func(f *fetches, cancel context.CancelFunc, other steps.InstallRelease) {
			_, _ = f.fetched(context.Background(), other, nil)
			f.cancelUnwanted()
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, spec, arrived, _ := hanging(t)
			step := steps.InstallRelease{Spec: spec}
			other := step
			other.Spec.Version = "20260907.0"
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, _ = f.fetched(ctx, step, nil)
			<-arrived
			end(f, cancel, other)
			f.running.Wait()
			if n := f.leftovers(t); n != 0 {
				t.Errorf("got %d entries left in the store", n)
			}
		})
	}
}

// A package that was installed again is tried at once; a server is left alone for a while.
func TestFetch_OfAPackageIsTriedAgainOnAChange(t *testing.T) {
	for source, want := range map[string]bool{release.SourceSystem: true, release.SourceGVisor: false} {
		c := config.Default()
		c.Release.Source = source
		now := at(0)
		r := &rounds{fetches: newFetches(nil, time.Now), now: func() time.Time { return now }, out: &outcome{}}
		r.config.Config = c
		r.stamps.host = "before"
		if held := r.explainNoInstall(now, host.Observed{}); held != "" {
			t.Fatalf("%s: got %q before any failure", source, held)
		}
		r.recordFetchFailure(errors.New("changed"))
		if held := r.explainNoInstall(now, host.Observed{}); held == "" {
			t.Errorf("%s: tried again at once", source)
		}
		r.stamps.host = "after"
		if tried := r.explainNoInstall(now, host.Observed{}) == ""; tried != want {
			t.Errorf("%s: tried again after a change: %t, want %t", source, tried, want)
		}
	}
}
