package daemon

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/test/fakedockerd"
)

// fakeUnits is systemd with one unit, docker.service, which runs a fake dockerd.
type fakeUnits struct {
	dockerd    *fakedockerd.Live
	daemonJSON string
	changes    chan struct{} // hints that the unit may have changed

	mu        sync.Mutex
	unit      host.Unit
	reloads   int
	restarts  int
	reloadErr error // what a reload fails with; dockerd then reads nothing
	onReload  func()
}

func newFakeUnits(d *fakedockerd.Live, daemonJSON string) *fakeUnits {
	return &fakeUnits{dockerd: d, daemonJSON: daemonJSON, changes: make(chan struct{}), unit: host.Unit{
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

func (u *fakeUnits) Unit(_ context.Context, name string) (host.Unit, error) {
	if name != host.DockerUnit {
		return host.Unit{Name: name, LoadState: "not-found", ActiveState: "inactive"}, nil
	}
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
	_ = u.dockerd.Load(u.daemonJSON)
	if u.onReload != nil {
		u.onReload()
	}
	return nil
}

func (u *fakeUnits) Restart(context.Context, string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.restarts++
	u.dockerd.Forget()
	_ = u.dockerd.Load(u.daemonJSON)
	return nil
}

func (u *fakeUnits) Start(context.Context, string) error {
	return errors.New("not supported by the fake")
}
func (u *fakeUnits) ResetFailed(context.Context, string) error { return nil }
func (u *fakeUnits) LoadUnits(context.Context) error           { return nil }
func (u *fakeUnits) Said(context.Context, string, time.Time) ([]string, error) {
	return nil, nil
}

func (u *fakeUnits) counts() (reloads, restarts int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.reloads, u.restarts
}
