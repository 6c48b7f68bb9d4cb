package await

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

var errStaleFile = errors.New("another program wrote")

// fakeDockerd runs with the default runtime runc. It sends a reload event if reloads.
type fakeDockerd struct{ reloads bool }

func (d fakeDockerd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.45")
	switch {
	case strings.HasSuffix(r.URL.Path, "/info"):
		io.WriteString(w, `{"ServerVersion":"26.1.5","DefaultRuntime":"runc"}`) //nolint:errcheck // the client sees it
	case strings.HasSuffix(r.URL.Path, "/events"):
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		if d.reloads {
			io.WriteString(w, `{"Type":"daemon","Action":"reload"}`+"\n") //nolint:errcheck // the client sees it
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

// serve returns a Dockerd whose socket is d's. No test waits for its timeout.
func serve(t *testing.T, d fakeDockerd) Dockerd {
	t.Helper()
	// Not t.TempDir: the path of a socket has at most 107 bytes (unix(7)).
	dir, err := os.MkdirTemp("", "await-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d}
	go server.Serve(listener) //nolint:errcheck // always http.ErrServerClosed
	t.Cleanup(func() { server.Close() })
	return Dockerd{Host: &host.Host{Paths: host.Paths{Socket: socket}}, Timeout: 5 * time.Minute}
}

func unchanged() error { return nil }
func stale() error     { return errStaleFile }

func TestConfirm(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name  string
		ctx   context.Context
		want  string // the default runtime
		stale func() error
		err   error
	}{
		{"dockerd shows the settings", t.Context(), "runc", unchanged, nil},
		{"dockerd shows the settings, and another program wrote", t.Context(), "runc", stale, nil},
		{"another program wrote", t.Context(), "runsc", stale, errStaleFile},
		{"interrupted", canceled, "runsc", unchanged, context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := serve(t, fakeDockerd{})
			info, err := d.Confirm(test.ctx, plan.Settings{Default: test.want}, engine.Flags{}, test.stale)
			if !errors.Is(err, test.err) || (err == nil) != (info.DefaultRuntime == test.want) {
				t.Errorf("got default runtime %q, error %v, want error %v", info.DefaultRuntime, err, test.err)
			}
		})
	}
}

func TestWatchForReload(t *testing.T) {
	errJob := errors.New("the job failed")
	for _, test := range []struct {
		name    string
		reloads bool
		cancel  bool
		stop    error
		stale   func() error
		want    error
	}{
		{name: "dockerd has reloaded", reloads: true, stale: unchanged},
		{name: "another program wrote", stale: stale, want: errStaleFile},
		{name: "systemd's job failed", stop: errJob, stale: unchanged},
		{name: "interrupted", cancel: true, stale: unchanged, want: context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			wait, err := serve(t, fakeDockerd{test.reloads}).WatchForReload(ctx, engine.Flags{}, test.stale)
			if err != nil {
				t.Fatal(err)
			}
			if test.cancel {
				cancel()
			}
			if err := wait(test.stop); !errors.Is(err, test.want) {
				t.Errorf("got error %v, want %v", err, test.want)
			}
		})
	}
}
