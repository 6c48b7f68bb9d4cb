package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// With --oci-seccomp, Docker's seccomp profile holds inside the sandbox, and the trial may not read the log of its
// own kernel.
func TestFault_X06_ASeccompProfileInsideTheSandbox(t *testing.T) {
	onEach(t, lab.Options{Files: map[string]lab.File{lab.LabConfigPath: ours[lab.LabConfigPath]}}, func(t *testing.T, h host) {
		h.run(`printf '[docker.runtimes.runsc]\nargs = ["--ignore-cgroups", "--oci-seccomp"]\n' >/etc/runsc-provisioner/config.d/20-args.toml`)
		if said := h.run("runsc-provisioner apply"); !strings.Contains(said, "operation not permitted") {
			t.Errorf("got %s\nwant it to say that the log inside could not be read", said)
		}
		h.settled()
		h.loadImage()
		h.run("docker run -d --name inside --runtime=runsc " + lab.Image + " sleep 1000")
		if v := h.verify(0); !v.runs("inside") || v.Containers[0].State != "sandboxed" {
			t.Errorf("got %+v, want the container in a sandbox", v.Containers)
		}
	})
}

// The lab's hosts have no cgroup controllers; runsc demands some of them unless it is told to ignore cgroups.
func TestFault_X09_WhatAProofNeedsOfTheHost(t *testing.T) {
	onEach(t, lab.Options{Files: map[string]lab.File{lab.LabConfigPath: ours[lab.LabConfigPath]}}, func(t *testing.T, h host) {
		const state = "/var/lib/runsc-provisioner"
		h.run("mkdir -p " + state + " " + store)
		for _, dir := range []string{state, store} {
			h.run("mount -t tmpfs -o noexec,mode=0755 none " + dir)
			before := h.snapshot()
			says(t, h.exit(78, "runsc-provisioner apply"), dir, "noexec")
			says(t, h.exit(2, "runsc-provisioner doctor"), dir+" is mounted noexec")
			h.untouched(before)
			h.run("umount " + dir)
		}
		says(t, h.exit(2, "runsc-provisioner doctor"), "memory")
		says(t, h.exit(1, "runsc-provisioner apply"), "cgroup controller", "doctor")
		h.settled()
		h.run("runsc-provisioner apply --runtime-arg=--ignore-cgroups; runsc-provisioner doctor")
	})
}
