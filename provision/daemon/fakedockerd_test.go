package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"runsc-provisioner/provision/host"
)

// fakeDockerd answers on a unix socket as dockerd does, with the settings that it
// has read from daemon.json. It tracks containers, but runs none.
type fakeDockerd struct {
	socket     string
	daemonJSON string
	listening  chan struct{} // receives a value for each client that begins to listen for events

	mu             sync.Mutex
	runtimes       map[string]fakeRuntime
	defaultRuntime string
	containers     []fakeContainer
	stopped        []string                 // the ids of the containers that were stopped
	listeners      map[chan object]struct{} // to the clients that listen for events
	subscriptions  int                      // so far
	loads          int                      // each has one subscription, which confirms it
}

type fakeRuntime struct {
	Path string   `json:"path"`
	Args []string `json:"runtimeArgs,omitempty"`
}

type fakeContainer struct {
	id, name string
	pid      int
}

type object = map[string]any

func newFakeDockerd(t *testing.T, daemonJSON string) *fakeDockerd {
	t.Helper()
	// Not t.TempDir: the path of a socket has at most 107 bytes (unix(7)).
	dir, err := os.MkdirTemp("", "fakedockerd-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &fakeDockerd{
		socket: filepath.Join(dir, "sock"), daemonJSON: daemonJSON,
		listeners: map[chan object]struct{}{}, listening: make(chan struct{}, 100),
		defaultRuntime: "runc", runtimes: map[string]fakeRuntime{"runc": {Path: "runc"}},
	}
	listener, err := net.Listen("unix", d.socket)
	must(t, err)
	server := &http.Server{Handler: d.handler()}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // until it is closed
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return d
}

// load reads daemon.json as dockerd does on SIGHUP: a key that was removed changes
// nothing, and neither does a text that is not JSON.
func (d *fakeDockerd) load() error {
	text, err := os.ReadFile(d.daemonJSON)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var file struct {
		Runtimes       map[string]fakeRuntime `json:"runtimes"`
		DefaultRuntime string                 `json:"default-runtime"`
	}
	if err := errors.Join(err, json.Unmarshal(text, &file)); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if file.Runtimes != nil {
		d.runtimes = maps.Clone(file.Runtimes)
		d.runtimes["runc"] = fakeRuntime{Path: "runc"}
	}
	if file.DefaultRuntime != "" {
		d.defaultRuntime = file.DefaultRuntime
	}
	d.send(event("daemon", "reload", "fake"))
	d.loads++
	return nil
}

// send sends an event to all that listen. The caller holds the lock.
func (d *fakeDockerd) send(e object) {
	for listener := range d.listeners {
		listener <- e
	}
}

// forget makes dockerd run with its own settings again, whatever daemon.json says.
func (d *fakeDockerd) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.defaultRuntime, d.runtimes = "runc", map[string]fakeRuntime{"runc": {Path: "runc"}}
}

// start adds a running container and sends the event.
func (d *fakeDockerd) start(c fakeContainer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.containers = append(d.containers, c)
	d.send(event("container", "start", c.id))
}

func event(kind, action, id string) object {
	now := time.Now()
	return object{"Type": kind, "Action": action, "Actor": object{"ID": id}, "time": now.Unix(), "timeNano": now.UnixNano()}
}

func (d *fakeDockerd) handler() http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern string, body func(*http.Request) any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			d.mu.Lock()
			defer d.mu.Unlock()
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(body(r))
		})
	}
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Api-Version", "1.45") })
	answer("/v1.45/info", d.info)
	answer("/v1.45/containers/json", d.list)
	answer("/v1.45/containers/{id}/json", d.inspect)
	mux.HandleFunc("POST /v1.45/containers/{id}/stop", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.stopped = append(d.stopped, r.PathValue("id"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("/v1.45/events", d.stream)
	return mux
}

func (d *fakeDockerd) info(*http.Request) any {
	return object{
		"ServerVersion": "26.1.5", "OSType": "linux", "Architecture": "x86_64", "CgroupDriver": "cgroupfs",
		"DockerRootDir": "/var/lib/docker", "Driver": "overlay2", "ContainersRunning": len(d.containers),
		"DefaultRuntime": d.defaultRuntime, "Runtimes": maps.Clone(d.runtimes),
	}
}

func (d *fakeDockerd) list(*http.Request) any {
	list := []object{}
	for _, c := range d.containers {
		list = append(list, object{"Id": c.id, "Names": []string{"/" + c.name}, "State": "running"})
	}
	return list
}

func (d *fakeDockerd) inspect(r *http.Request) any {
	for _, c := range d.containers {
		if c.id == r.PathValue("id") {
			return object{
				"Id": c.id, "Name": "/" + c.name, "Image": "sha256:0",
				"State":      object{"Running": true, "Pid": c.pid, "StartedAt": "2026-09-14T12:00:00Z"},
				"HostConfig": object{"Runtime": "runc"},
				"Config":     object{"Image": "busybox"},
			}
		}
	}
	return object{"message": "no such container"}
}

// stream sends events until the client hangs up, or hangUp is called.
func (d *fakeDockerd) stream(w http.ResponseWriter, r *http.Request) {
	events := make(chan object, 100)
	d.mu.Lock()
	d.listeners[events] = struct{}{}
	d.subscriptions++
	d.mu.Unlock()
	d.listening <- struct{}{}
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.listeners, events)
	}()
	w.Header().Set("Content-Type", "application/json")
	flusher := http.NewResponseController(w)
	_ = flusher.Flush()
	for {
		select {
		case e := <-events:
			if e == nil {
				return
			}
			_ = json.NewEncoder(w).Encode(e)
			_ = flusher.Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// awaitListener returns once a client listens that does not only confirm a reload.
func (d *fakeDockerd) awaitListener() {
	for {
		d.mu.Lock()
		listens := d.subscriptions > d.loads
		d.mu.Unlock()
		if listens {
			return
		}
		<-d.listening
	}
}

// remove removes a container that has ended. The caller holds the lock.
func (d *fakeDockerd) remove(id string) {
	d.containers = slices.DeleteFunc(d.containers, func(c fakeContainer) bool { return c.id == id })
	d.send(event("container", "die", id))
}

// hangUp ends all streams of events, as a dockerd that stops does.
func (d *fakeDockerd) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.send(nil)
	clear(d.listeners)
}

// fakeUnits is systemd with one unit, docker.service, which runs a fakeDockerd.
type fakeUnits struct {
	dockerd *fakeDockerd
	changes chan struct{} // hints that the unit may have changed

	mu        sync.Mutex
	unit      host.Unit
	reloads   int
	restarts  int
	reloadErr error // what a reload fails with; dockerd then reads nothing
	onReload  func()
}

func newFakeUnits(d *fakeDockerd) *fakeUnits {
	return &fakeUnits{dockerd: d, changes: make(chan struct{}), unit: host.Unit{
		Name: host.DockerUnit, LoadState: "loaded", ActiveState: "active", SubState: "running", Result: "success",
		ExecStart: []string{"/usr/bin/dockerd", "-H", "fd://"}, InvocationID: strings.Repeat("a", 32),
	}}
}

// set changes the unit.
func (u *fakeUnits) set(change func(*host.Unit)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(&u.unit)
}

func (u *fakeUnits) Unit(context.Context, string) (host.Unit, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.unit, nil
}

// Reload reports success whether or not dockerd took the file, as systemd does.
func (u *fakeUnits) Reload(context.Context, string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reloads++
	if u.reloadErr != nil {
		return u.reloadErr
	}
	_ = u.dockerd.load()
	if u.onReload != nil {
		u.onReload()
	}
	return nil
}

func (u *fakeUnits) Restart(context.Context, string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.restarts++
	u.dockerd.forget()
	_ = u.dockerd.load()
	return nil
}

func (u *fakeUnits) Start(context.Context, string) error {
	return errors.New("not supported by the fake")
}
func (u *fakeUnits) ResetFailed(context.Context, string) error { return nil }
func (u *fakeUnits) Said(context.Context, string, time.Time) ([]string, error) {
	return nil, nil
}

func (u *fakeUnits) counts() (reloads, restarts int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.reloads, u.restarts
}
