//go:build labhost

// This file is run on a lab host, against its real systemd and dockerd, by
// test/e2e.

package commandline_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/systemd"
)

func dockerService(t *testing.T) commandline.Service {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, err := systemd.Dial(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	unit, err := c.Unit(ctx, "docker.service")
	if err != nil {
		t.Fatal(err)
	}
	return commandline.Service{
		MainPID: unit.MainPID, FragmentPath: unit.FragmentPath, DropIns: unit.DropIns,
		ExecStart: unit.ExecStart, Environment: unit.Environment, EnvironmentFiles: unit.EnvironmentFiles,
	}
}

// systemd and this package expand the unit's variables alike.
func TestHostCommandLine(t *testing.T) {
	s := dockerService(t)
	running, err := commandline.Of("/proc", s)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%q", running)
	s.MainPID = 0
	next, err := commandline.Of("/proc", s)
	if err != nil || !reflect.DeepEqual(next, running) {
		t.Errorf("got  %q, %v\nwant %q", next, err, running)
	}
	flags, err := commandline.ParseFlags(running)
	if err != nil {
		t.Fatal(err)
	}
	if flags.DefaultRuntime != "runc" || flags.Set["label"] != "lab=a b" || flags.ConfigFile != "/etc/docker/daemon.json" || !slices.Equal(flags.Hosts, []string{"fd://"}) {
		t.Errorf("got %+v", flags)
	}
}

func TestHostFault_J10_FlagIsFoundInTheEnvironmentFile(t *testing.T) {
	err := commandline.Conflict("/proc", dockerService(t), "userns-remap", "default-runtime")
	conflict, ok := errors.AsType[*commandline.FlagConflict](err)
	want := commandline.FlagConflict{Option: "default-runtime", Flag: "--default-runtime=runc", Where: "/etc/default/docker:2"}
	if !ok || *conflict != want {
		t.Errorf("got %v, want %v", err, &want)
	}
	if err := commandline.Conflict("/proc", dockerService(t), "userns-remap"); err != nil {
		t.Errorf("an option that is not a flag: got %v, want nil", err)
	}
}
