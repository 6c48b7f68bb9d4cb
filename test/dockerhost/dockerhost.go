// Package dockerhost fakes a host for tests of what changes Docker: a dockerd that reads
// daemon.json at each reload, and the systemd that runs it. daemon.json, the state directory
// and the store are real, in directories of the test.
package dockerhost

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/test/seen"
)

// Dockerd shows its settings on a unix socket. At each reload it reads daemon.json, unless
// it ignores the text. It is also the systemd that runs it, and knows no other job than a
// reload.
type Dockerd struct {
	t       *testing.T
	File    string // daemon.json
	Ignores string // texts that contain this are ignored, without an error

	Mu   sync.Mutex // held while a request is answered and by Reload
	Info engine.Info
	Read []string // daemon.json at each reload
}

// New returns a host where dockerd has read text as daemon.json ("" is no file), and its
// observation.
func New(t *testing.T, text string) (host.Host, *Dockerd, host.Observed) {
	t.Helper()
	file := seen.DaemonJSON(t, text)
	file.Path = filepath.Join(t.TempDir(), "docker", "daemon.json")
	file.Target, file.UID, file.GID = file.Path, -1, -1
	if file.Exists {
		if err := errors.Join(os.Mkdir(filepath.Dir(file.Path), 0o755), os.WriteFile(file.Path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	file.DirMissing = !file.Exists
	d := &Dockerd{t: t, File: file.Path, Info: *seen.Reloaded(engine.Info{DefaultRuntime: "runc"}, file.Doc)}
	o := host.Observed{Unit: host.Unit{Name: host.DockerUnit, ActiveState: "active"}, File: file, Engine: &engine.Info{}}
	*o.Engine = d.Info
	paths := host.Paths{
		DaemonJSON: file.Path, Socket: fakedockerd.NewWithSettings(t, d.Settings).Socket, State: t.TempDir(),
		Store: filepath.Join(t.TempDir(), "store"), Link: filepath.Join(t.TempDir(), "runsc"),
	}
	return host.Host{Paths: paths, Units: d}, d, o
}

// Settings returns the settings that dockerd answers with, and no containers.
func (d *Dockerd) Settings() (fakedockerd.Settings, []fakedockerd.Container) {
	d.Mu.Lock()
	defer d.Mu.Unlock()
	runtimes := map[string]fakedockerd.Runtime{}
	for name, runtime := range d.Info.Runtimes {
		runtimes[name] = fakedockerd.Runtime{Path: runtime.Path, Args: runtime.Args}
	}
	return fakedockerd.Settings{DefaultRuntime: d.Info.DefaultRuntime, Runtimes: runtimes, UsernsRemap: d.Info.UsernsRemap}, nil
}

// Unit is a docker.service that always runs.
func (d *Dockerd) Unit(_ context.Context, name string) (host.Unit, error) {
	return unitIn(name, "active", ""), nil
}

// unitIn is a loaded unit of a dockerd that has no file.
func unitIn(name, state, invocation string) host.Unit {
	return host.Unit{Name: name, LoadState: "loaded", ActiveState: state, ExecStart: []string{"/nowhere/dockerd"}, InvocationID: invocation}
}

// Reload succeeds whether or not dockerd takes the file, as systemd does.
func (d *Dockerd) Reload(context.Context, string) error {
	text, err := os.ReadFile(d.File)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.Mu.Lock()
	defer d.Mu.Unlock()
	d.Read = append(d.Read, string(text))
	if d.Ignores == "" || !strings.Contains(string(text), d.Ignores) {
		d.Info = *seen.Reloaded(d.Info, seen.DaemonJSON(d.t, string(text)).Doc)
	}
	return nil
}

// Restart fails.
func (d *Dockerd) Restart(context.Context, string) error {
	return errors.New("not part of this fake")
}

// Start fails.
func (d *Dockerd) Start(context.Context, string) error {
	return errors.New("not part of this fake")
}

// ResetFailed does nothing.
func (d *Dockerd) ResetFailed(context.Context, string) error { return nil }
func (d *Dockerd) LoadUnits(context.Context) error           { return nil }

// Said returns nothing: dockerd logs nothing.
func (d *Dockerd) Said(context.Context, string, time.Time) ([]string, error) { return nil, nil }
