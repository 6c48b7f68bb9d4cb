package provision

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/test/dockerhost"
	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/test/seen"
)

// slowDockerd may need a while for its first reload: until the next subscription to its events. It reports
// events. Then it takes the text, refuses it, or ends.
type slowDockerd struct {
	*dockerhost.Dockerd
	t         *testing.T
	first     string // "takes", "refuses", "ends" or "killed"
	late      func() // called at the first reload, whose outcome then is late; nil: it comes at once
	jobFails  bool   // of the first reload
	starts    bool   // whether it starts again
	signalled int
	pending   func()
	unit      host.Unit
	events    []time.Time
	log       []string
	started   []string // daemon.json at each start
}

func (d *slowDockerd) Unit(context.Context, string) (host.Unit, error) {
	d.Mu.Lock()
	defer d.Mu.Unlock()
	return d.unit, nil
}

func (d *slowDockerd) Said(context.Context, string, time.Time) ([]string, error) {
	d.Mu.Lock()
	defer d.Mu.Unlock()
	return d.log, nil
}

func (d *slowDockerd) Reload(ctx context.Context, name string) error {
	d.signalled++
	if d.signalled > 1 || d.first == "takes" && d.late == nil {
		d.take(ctx, name)
		return nil
	}
	settle := func() {
		switch d.first {
		case "takes":
			d.take(ctx, name)
		case "refuses":
			d.Mu.Lock()
			d.log = append(d.log, `time="`+time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z07:00")+`" level=error msg="Error reconfiguring the daemon: x"`)
			d.Mu.Unlock()
		case "ends", "killed":
			d.Mu.Lock()
			d.unit.ActiveState, d.unit.Result = "activating", "exit-code"
			if d.first == "killed" {
				d.unit.Result = "signal"
			}
			d.Mu.Unlock()
		}
	}
	if d.jobFails {
		time.AfterFunc(200*time.Millisecond, settle) // after the job's end
		return errors.New("the job failed")
	}
	if d.late == nil {
		settle()
		return nil
	}
	d.Mu.Lock()
	d.pending = settle
	d.Mu.Unlock()
	d.late()
	return nil
}

func (d *slowDockerd) take(ctx context.Context, name string) {
	if err := d.Dockerd.Reload(ctx, name); err != nil {
		d.t.Error(err)
	}
	d.Mu.Lock()
	defer d.Mu.Unlock()
	d.events = append(d.events, time.Now())
}

func (d *slowDockerd) Restart(context.Context, string) error {
	text, err := os.ReadFile(d.File)
	if err != nil {
		return err
	}
	d.Mu.Lock()
	defer d.Mu.Unlock()
	d.started = append(d.started, string(text))
	d.unit.ActiveState, d.unit.Result = "failed", "exit-code"
	if d.starts {
		d.unit.ActiveState, d.unit.InvocationID = "active", "2"
		d.Info = *seen.Reloaded(engine.Info{DefaultRuntime: "runc"}, seen.DaemonJSON(d.t, string(text)).Doc)
	}
	return nil
}

// stream sends the reload events since the time that the client asks for.
func (d *slowDockerd) stream(w http.ResponseWriter, r *http.Request) {
	seconds, nanos, _ := strings.Cut(r.URL.Query().Get("since"), ".")
	sec, err1 := strconv.ParseInt(seconds, 10, 64)
	nano, err2 := strconv.ParseInt(nanos, 10, 64)
	if err1 != nil || err2 != nil {
		d.t.Error(err1, err2)
	}
	since := time.Unix(sec, nano)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	d.Mu.Lock()
	settle := d.pending
	d.pending = nil
	d.Mu.Unlock()
	if settle != nil {
		settle()
	}
	for sent := 0; r.Context().Err() == nil; {
		d.Mu.Lock()
		for ; sent < len(d.events); sent++ {
			if !d.events[sent].Before(since) {
				io.WriteString(w, `{"Type":"daemon","Action":"reload"}`+"\n") //nolint:errcheck // the client sees it
			}
		}
		running := d.unit.Running()
		d.Mu.Unlock()
		if !running {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// hostWithSlowDockerd is hostWithDockerd with a slowDockerd.
func hostWithSlowDockerd(t *testing.T, text string, d *slowDockerd) (*Provisioner, host.Observed) {
	t.Helper()
	pr, fake, o := hostWithDockerd(t, text)
	d.Dockerd, d.t = fake, t
	d.unit = host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: "active", InvocationID: "1", ExecStart: []string{"/nowhere/dockerd"}}
	o.Unit = d.unit
	server := fakedockerd.NewWithSettings(t, fake.Settings)
	server.HandleFunc("/events", d.stream)
	pr.Paths.Socket, pr.Units, pr.Jobs = server.Socket, d, d
	return pr, o
}

func TestFault_X01_WhatBecameOfAReloadIsKnown(t *testing.T) {
	for _, test := range []struct {
		name    string
		dockerd slowDockerd
		late    bool // the run is interrupted while dockerd is at its reload
		down    bool
		ended   bool
		starts  int
	}{
		{name: "refused", dockerd: slowDockerd{first: "refuses"}},
		{name: "refused late", dockerd: slowDockerd{first: "refuses"}, late: true},
		{name: "taken late", dockerd: slowDockerd{first: "takes"}, late: true},
		{name: "dockerd ends", dockerd: slowDockerd{first: "ends", starts: true}, ended: true, starts: 1},
		{name: "dockerd ends after systemd's job has failed", dockerd: slowDockerd{first: "ends", jobFails: true, starts: true}, ended: true, starts: 1},
		{name: "another program kills dockerd", dockerd: slowDockerd{first: "killed", starts: true}, ended: true, starts: 1},
		{name: "dockerd ends late", dockerd: slowDockerd{first: "ends", starts: true}, late: true, ended: true, starts: 1},
		{name: "dockerd ends and does not start", dockerd: slowDockerd{first: "ends"}, down: true, starts: 1},
		{name: "dockerd ends late and does not start", dockerd: slowDockerd{first: "ends"}, late: true, down: true, starts: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // some wait for the next look at dockerd's log
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			d := &test.dockerd
			if test.late {
				d.late = cancel
			}
			pr, o := hostWithSlowDockerd(t, oldText, d)
			_, err := pr.apply(ctx, dockerhost.Upgrade(o, newText), config.Default(), o)
			var back *transaction.RolledBack
			var down *transaction.DockerDown
			switch {
			case test.down && !errors.As(err, &down):
				t.Errorf("got error %v, want *DockerDown", err)
			case !test.down && (!errors.As(err, &back) || back.Restore != nil || back.DockerEnded != test.ended || back.DockerKilled != (d.first == "killed")):
				t.Errorf("got error %v, want a clean *RolledBack, and dockerd ended: %t", err, test.ended)
			}
			if (test.ended || test.down) == strings.Contains(err.Error(), "everything is as it was before") {
				t.Errorf("got error %v, want the truth about Docker", err)
			}
			if text, err := os.ReadFile(d.File); err != nil || string(text) != oldText {
				t.Errorf("got daemon.json %q, %v, want the old one", text, err)
			}
			if len(d.started) != test.starts || test.starts > 0 && d.started[0] != oldText {
				t.Errorf("got starts from %q, want %d from the old text", d.started, test.starts)
			}
			if _, has := d.Info.Runtimes["runsc"]; has {
				t.Error("got dockerd with the runtime, want it as before")
			}
			if left, _ := filepath.Glob(filepath.Join(pr.Paths.State, "journal.json")); (len(left) != 0) != test.down {
				t.Errorf("got %q left, want the journal only if Docker is down", left)
			}
		})
	}
}

func TestFault_X03_NoRestartFollowsAReloadThatDockerdRefuses(t *testing.T) {
	for first, reports := range map[string]bool{"refuses": true, "takes": false} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			d := &slowDockerd{first: first}
			pr, o := hostWithSlowDockerd(t, oldText, d)
			if !reports { // without events, nothing shows that dockerd takes the options
				server := fakedockerd.NewWithSettings(t, d.Settings)
				pr.Paths.Socket = server.Socket
			}
			p := plan.Plan{Steps: []steps.Step{steps.Reload{Unit: host.DockerUnit, MustTake: []string{"labels"}}, steps.Restart{Unit: host.DockerUnit}}}
			_, err := pr.apply(t.Context(), p, config.Default(), o)
			var refused *blocked.Refused
			var unreachable *blocked.Unreachable
			if reports && !errors.As(err, &refused) || !reports && !errors.As(err, &unreachable) {
				t.Errorf("got error %v", err)
			}
			if left, _ := filepath.Glob(filepath.Join(pr.Paths.State, "journal.json")); len(d.started) != 0 || len(left) != 0 {
				t.Errorf("got %d starts and %q left, want neither", len(d.started), left)
			}
		})
	}
}
