package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/test/fakedockerd"
)

// fakeUnits is a systemd with docker.service, which runs dockerd, and other units.
type fakeUnits struct {
	dockerd    *fakedockerd.Host
	daemonJSON string

	unit      host.Unit
	others    map[string]host.Unit
	reloadErr error // the result of the job; dockerd then does not reload
	reloads   int
	said      []string // the log of the unit
	// read are the texts of daemon.json at each reload.
	read []string
}

func newFakeUnits(d *fakedockerd.Host, daemonJSON string) *fakeUnits {
	return &fakeUnits{dockerd: d, daemonJSON: daemonJSON, unit: host.Unit{
		Name: host.DockerUnit, LoadState: "loaded", ActiveState: "active", SubState: "running", Result: "success",
		ExecStart: []string{"/usr/bin/dockerd", "-H", "fd://"}, InvocationID: "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
	}}
}

// Unit returns docker.service, or one of others. There is no other unit.
func (u *fakeUnits) Unit(_ context.Context, name string) (host.Unit, error) {
	if other, found := u.others[name]; found {
		return other, nil
	}
	if name != host.DockerUnit {
		return host.Unit{Name: name, LoadState: "not-found", ActiveState: "inactive"}, nil
	}
	return u.unit, nil
}

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
	_ = u.dockerd.Load(u.daemonJSON)
	return nil
}

func (u *fakeUnits) Restart(context.Context, string) error     { return errors.New("not part of the fake") }
func (u *fakeUnits) Start(context.Context, string) error       { return errors.New("not part of the fake") }
func (u *fakeUnits) ResetFailed(context.Context, string) error { return nil }
func (u *fakeUnits) Stop(_ context.Context, name string) error {
	unit := u.others[name]
	unit.ActiveState = "inactive"
	u.others[name] = unit
	return nil
}

func (u *fakeUnits) Disable(_ context.Context, name string) error {
	unit := u.others[name]
	unit.UnitFileState = "disabled"
	u.others[name] = unit
	return nil
}

func (u *fakeUnits) LoadUnits(context.Context) error { return nil }
func (u *fakeUnits) Said(context.Context, string, time.Time) ([]string, error) {
	return u.said, nil
}

// Changes sends no hints: nothing in the fake changes by itself.
func (u *fakeUnits) Changes(context.Context, ...string) <-chan struct{} { return nil }

func (u *fakeUnits) RunPrivileged(context.Context, ...string) error {
	return errors.New("the fake systemd runs nothing")
}

func (u *fakeUnits) Close() {}
