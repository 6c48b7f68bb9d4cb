package main

import (
	"path/filepath"
	"testing"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
)

// Ways in which Docker is installed or started on Ubuntu, in the fakes. The lab has them too
// (test/e2e, TestUbuntu).
func TestUbuntu_WhatCannotWorkIsSaidByPlanAndApply(t *testing.T) {
	t.Parallel()
	snap := map[string]host.Unit{host.SnapUnit: {Name: host.SnapUnit, LoadState: "loaded", ActiveState: "active", SubState: "running"}}
	hosts := checkup.FlagRemedy(host.OptionHosts) + ", then run this again"
	const unit = "usr/lib/systemd/system/docker.service"
	for _, test := range []struct {
		name, daemonJSON string
		arrange          func(*fakeHost)
		code             int
		said, hint       string
	}{
		{"hosts in daemon.json, with docker-ce's flags", `{"hosts": ["unix:///run/docker.sock"]}`, func(h *fakeHost) {
			h.write(unit, "[Service]\nExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock\n")
			h.units.unit.FragmentPath = filepath.Join(h.root, unit)
			h.units.unit.ExecStart = []string{"/usr/bin/dockerd", "-H", "fd://", "--containerd=/run/containerd/containerd.sock"}
		}, exitRefused, "docker.service: hosts is set by the flag --host=fd:// in /" + unit + ":2", hosts},
		{"tcp only, by the flags", `{}`, func(h *fakeHost) {
			h.units.unit.ExecStart = []string{"/usr/bin/dockerd", "-H", "tcp://127.0.0.1:2375"}
		}, exitOutOfReach, "no unix socket, only on tcp://127.0.0.1:2375", checkup.UnixSocketRemedy},
		{"tcp only, by daemon.json", `{"hosts": ["tcp://127.0.0.1:2375"]}`, func(h *fakeHost) {
			h.units.unit.ExecStart = []string{"/usr/bin/dockerd"}
		}, exitOutOfReach, "no unix socket, only on tcp://127.0.0.1:2375", checkup.UnixSocketRemedy},
		{"tcp only, stopped", `{"hosts": ["tcp://127.0.0.1:2375"]}`, func(h *fakeHost) {
			h.units.unit.ExecStart, h.units.unit.ActiveState = []string{"/usr/bin/dockerd"}, "inactive"
		}, exitOutOfReach, "no unix socket, only on tcp://127.0.0.1:2375", checkup.UnixSocketRemedy},
		{"docker.service stopped, the snap runs", `{}`, func(h *fakeHost) {
			h.units.unit.ActiveState, h.units.others = "inactive", snap
		}, exitOutOfReach, "docker.service: it is inactive, and " + host.SnapUnit + " runs instead", checkup.SnapRemedy},
		{"docker.service masked, the snap runs", `{}`, func(h *fakeHost) {
			h.units.unit.LoadState, h.units.unit.ActiveState, h.units.others = "masked", "inactive", snap
		}, exitOutOfReach, "docker.service: it is masked, and " + host.SnapUnit + " runs instead", checkup.SnapRemedy},
		{"the snap alone", `{}`, func(h *fakeHost) {
			h.units.unit = host.Unit{Name: host.DockerUnit, LoadState: "not-found", ActiveState: "inactive"}
			h.units.others = snap
		}, exitOutOfReach, "docker.service: no such unit, but there is " + host.SnapUnit, checkup.SnapRemedy},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := freshHost(t, test.daemonJSON)
			test.arrange(h)
			for _, command := range []string{"apply", "plan"} {
				h.refuses(test.code, []string{test.said, "hint: " + test.hint}, command)
			}
		})
	}
}

func TestUbuntu_OrdinarySocketsAreFound(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(h *fakeHost) (daemonJSON string, argv []string){
		"docker-ce's flags": func(*fakeHost) (string, []string) {
			return `{}`, []string{"/usr/bin/dockerd", "-H", "fd://", "--containerd=/run/containerd/containerd.sock"}
		},
		"tcp beside it": func(*fakeHost) (string, []string) {
			return `{}`, []string{"/usr/bin/dockerd", "-H", "tcp://127.0.0.1:2375", "-H", "fd://"}
		},
		"unix:// without a path": func(*fakeHost) (string, []string) { return `{}`, []string{"/usr/bin/dockerd", "-H", "unix://"} },
		"hosts in daemon.json": func(h *fakeHost) (string, []string) {
			socket := h.paths.Socket
			h.paths.Socket = "/no/such.sock"
			return `{"hosts": ["tcp://127.0.0.1:2375", "unix://` + socket + `"]}`, []string{"/usr/bin/dockerd"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := freshHost(t, "")
			text, argv := arrange(h)
			h.write("etc/docker/daemon.json", text)
			h.units.unit.ExecStart = argv
			h.want(exitDone, "plan")
		})
	}
}
