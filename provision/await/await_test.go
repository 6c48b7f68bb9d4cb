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
	"sync"
	"testing"
	"time"

	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
)

var errStaleFile = errors.New("another program wrote")

// fakeDockerd runs with the default runtime runc. Each subscription gets the next of its
// streams: "reload" sends a reload event, "" sends nothing, and both stay open; "end" ends
// at once. The last one is repeated.
type fakeDockerd struct {
	mu      sync.Mutex
	streams []string
	unit    host.Unit
	log     []string
}

func (d *fakeDockerd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.45")
	switch {
	case strings.HasSuffix(r.URL.Path, "/info"):
		io.WriteString(w, `{"ServerVersion":"26.1.5","DefaultRuntime":"runc"}`) //nolint:errcheck // the client sees it
	case strings.HasSuffix(r.URL.Path, "/events"):
		d.mu.Lock()
		stream := d.streams[0]
		d.streams = d.streams[min(1, len(d.streams)-1):]
		d.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		if stream == "reload" {
			io.WriteString(w, `{"Type":"daemon","Action":"reload"}`+"\n") //nolint:errcheck // the client sees it
		}
		w.(http.Flusher).Flush()
		if stream != "end" {
			<-r.Context().Done()
		}
	}
}

func (d *fakeDockerd) Unit(context.Context, string) (host.Unit, error)           { return d.unit, nil }
func (d *fakeDockerd) Said(context.Context, string, time.Time) ([]string, error) { return d.log, nil }

// serve returns a Dockerd whose socket is d's. No test waits for its timeout.
func serve(t *testing.T, d *fakeDockerd) Dockerd {
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
	return Dockerd{Host: &host.Host{Paths: host.Paths{Socket: socket, Proc: t.TempDir()}, Units: d}, Timeout: 5 * time.Minute}
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
			d := serve(t, &fakeDockerd{})
			info, err := d.Confirm(test.ctx, steps.Settings{Default: test.want}, commandline.Flags{}, test.stale)
			if !errors.Is(err, test.err) || (err == nil) != (info.DefaultRuntime == test.want) {
				t.Errorf("got default runtime %q, error %v, want error %v", info.DefaultRuntime, err, test.err)
			}
		})
	}
}

func TestFault_X03_TheOutcomeOfAReload(t *testing.T) {
	before := host.Unit{Name: host.DockerUnit, ActiveState: "active", InvocationID: "1"}
	sent := time.Date(2026, 11, 28, 20, 0, 0, 0, time.UTC)
	refusal := func(at time.Time) string {
		return `time="` + at.Format("2006-01-02T15:04:05.000000000Z07:00") + `" level=error msg="unable to configure the Docker daemon with file /etc/docker/daemon.json: x"`
	}
	for _, test := range []struct {
		name    string
		dockerd *fakeDockerd
		pid     int // dockerd's; no process has it
		cancel  bool
		stale   func() error
		outcome Outcome
		err     error
	}{
		{name: "dockerd has reloaded", dockerd: &fakeDockerd{streams: []string{"reload"}}, outcome: Taken},
		{name: "dockerd has reloaded after the stream broke", dockerd: &fakeDockerd{streams: []string{"end", "reload"}}, outcome: Taken},
		{name: "dockerd refuses", dockerd: &fakeDockerd{log: []string{refusal(sent)}}, outcome: Refused, err: errRefused},
		{name: "dockerd refused another reload before", dockerd: &fakeDockerd{log: []string{refusal(sent.Add(-time.Millisecond))}}, cancel: true, outcome: Unknown, err: context.Canceled},
		{name: "dockerd has ended, and systemd starts it", dockerd: &fakeDockerd{unit: host.Unit{ActiveState: "activating", InvocationID: "1"}}, outcome: Ended, err: errEnded},
		{name: "dockerd has ended, and was started", dockerd: &fakeDockerd{unit: host.Unit{ActiveState: "active", InvocationID: "2"}}, outcome: Ended, err: errEnded},
		{name: "dockerd has ended, and systemd has not noticed", dockerd: &fakeDockerd{streams: []string{"end"}}, pid: 7, outcome: Ended, err: errEnded},
		{name: "dockerd reports no events", dockerd: &fakeDockerd{streams: []string{"end"}}, outcome: NoEvents},
		{name: "another program wrote", stale: stale, outcome: Unknown, err: errStaleFile},
		{name: "interrupted", cancel: true, outcome: Unknown, err: context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // some wait for the next look at dockerd
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			d := test.dockerd
			if d == nil {
				d = &fakeDockerd{}
			}
			if d.streams == nil {
				d.streams = []string{""}
			}
			unit := before
			if unit.MainPID = test.pid; d.unit.ActiveState == "" {
				d.unit = before
			}
			watch, err := serve(t, d).WatchReload(ctx, Reload{Unit: unit, Sent: sent})
			if err != nil {
				t.Fatal(err)
			}
			defer watch.Close()
			if test.cancel {
				time.AfterFunc(lookInterval+lookInterval/2, cancel)
			}
			if test.stale == nil {
				test.stale = unchanged
			}
			if outcome, err := watch.Wait(test.stale); outcome != test.outcome || !errors.Is(err, test.err) {
				t.Errorf("got outcome %d, error %v, want %d, %v", outcome, err, test.outcome, test.err)
			}
		})
	}
}

func TestFault_X03_APendingReloadIsAwaitedForABoundedTime(t *testing.T) {
	d := serve(t, &fakeDockerd{streams: []string{""}, unit: host.Unit{ActiveState: "active"}})
	d.Timeout = time.Millisecond
	watch, err := d.WatchReload(t.Context(), Reload{Unit: host.Unit{Name: host.DockerUnit}})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	if outcome, err := watch.Wait(unchanged); outcome != Unknown || !errors.Is(err, ErrPending) {
		t.Errorf("got outcome %d, error %v, want it unknown, and %v", outcome, err, ErrPending)
	}
}
