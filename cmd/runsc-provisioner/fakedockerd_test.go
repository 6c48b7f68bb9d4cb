package main

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
	"sync"
	"testing"
	"time"

	"runsc-provisioner/provision/host"
)

// fakeDockerd answers on a unix socket like dockerd, with the settings that it
// read from daemon.json. It runs nothing.
type fakeDockerd struct {
	socket string

	mu             sync.Mutex
	runtimes       map[string]fakeRuntime
	defaultRuntime string
	containers     []fakeContainer
	requests       int
}

type fakeRuntime struct {
	Path string   `json:"path"`
	Args []string `json:"runtimeArgs,omitempty"`
}

// fakeContainer is a running container.
type fakeContainer struct {
	id, name, runtime string
	pid               int
}

func newFakeDockerd(t testing.TB) *fakeDockerd {
	t.Helper()
	// Not t.TempDir: the path of a socket has at most 107 bytes (unix(7)).
	dir, err := os.MkdirTemp("", "fakedockerd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &fakeDockerd{socket: filepath.Join(dir, "sock"), defaultRuntime: "runc", runtimes: map[string]fakeRuntime{"runc": {Path: "runc"}}}
	listener, err := net.Listen("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d.handler(t)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("fake dockerd: %v", err)
		}
	})
	return d
}

// load reads daemon.json as dockerd does on SIGHUP: a text that it refuses changes
// nothing, and neither does a missing key.
func (d *fakeDockerd) load(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("{}"), nil
	}
	if err != nil {
		return err
	}
	var file struct {
		Runtimes       map[string]fakeRuntime `json:"runtimes"`
		DefaultRuntime string                 `json:"default-runtime"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
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
	return nil
}

// requestCount counts the requests so far.
func (d *fakeDockerd) requestCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requests
}

func (d *fakeDockerd) handler(t testing.TB) http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern string, body func(*http.Request) any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if err := json.NewEncoder(w).Encode(body(r)); err != nil {
				t.Errorf("fake dockerd: %s: %v", r.URL, err)
			}
		})
	}
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Api-Version", "1.45") })
	answer("/v1.45/info", d.info)
	answer("/v1.45/containers/json", d.list)
	answer("/v1.45/containers/{id}/json", d.inspect)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		d.requests++
		d.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

type object = map[string]any

func (d *fakeDockerd) info(*http.Request) any {
	d.mu.Lock()
	defer d.mu.Unlock()
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
		if id := r.PathValue("id"); c.id == id || c.name == id {
			return object{
				"Id": c.id, "Name": "/" + c.name, "Image": "sha256:0",
				"State":      object{"Running": true, "Pid": c.pid, "StartedAt": "2026-09-14T12:00:00Z"},
				"HostConfig": object{"Runtime": c.runtime},
				"Config":     object{"Image": "busybox"},
			}
		}
	}
	return object{"message": "no such container"}
}

// fakeUnits is a systemd with one unit, docker.service, which runs dockerd.
type fakeUnits struct {
	dockerd    *fakeDockerd
	daemonJSON string

	unit      host.Unit
	reloadErr error // the result of the job; dockerd then does not reload
	reloads   int
	said      []string // the log of the unit
	// read are the texts of daemon.json at each reload.
	read []string
}

func newFakeUnits(d *fakeDockerd, daemonJSON string) *fakeUnits {
	return &fakeUnits{dockerd: d, daemonJSON: daemonJSON, unit: host.Unit{
		Name: host.DockerUnit, LoadState: "loaded", ActiveState: "active", SubState: "running", Result: "success",
		ExecStart: []string{"/usr/bin/dockerd", "-H", "fd://"}, InvocationID: "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
	}}
}

func (u *fakeUnits) Unit(context.Context, string) (host.Unit, error) { return u.unit, nil }

// Reload says "done" whether or not dockerd accepted the file, like systemd.
func (u *fakeUnits) Reload(context.Context, string) error {
	u.reloads++
	if u.reloadErr != nil {
		return u.reloadErr
	}
	text, err := os.ReadFile(u.daemonJSON)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	u.read = append(u.read, string(text))
	_ = u.dockerd.load(u.daemonJSON)
	return nil
}

func (u *fakeUnits) Restart(context.Context, string) error     { return errors.New("not part of the fake") }
func (u *fakeUnits) Start(context.Context, string) error       { return errors.New("not part of the fake") }
func (u *fakeUnits) ResetFailed(context.Context, string) error { return nil }
func (u *fakeUnits) Said(context.Context, string, time.Time) ([]string, error) {
	return u.said, nil
}

// Changes sends no hints: nothing in the fake changes by itself.
func (u *fakeUnits) Changes(context.Context, ...string) <-chan struct{} { return nil }

func (u *fakeUnits) RunPrivileged(context.Context, ...string) error {
	return errors.New("the fake systemd runs nothing")
}

func (u *fakeUnits) Close() {}
