package e2e

import (
	"os"
	"strings"
	"testing"

	"runsc-provisioner/provision/capability"
	"runsc-provisioner/test/lab"
)

// probes ask dockerd itself about each capability.
var probes = map[capability.Name]func(h host) bool{
	capability.Validate: func(h host) bool {
		return h.succeeds("echo '{}' >/root/empty.json; dockerd --validate --config-file /root/empty.json")
	},
	capability.RuntimeFeatures: func(h host) bool {
		h.run("mkdir -p /opt; printf '#!/bin/sh\\necho \"$@\" >>/run/asked\\nexec runc \"$@\"\\n' >/opt/asked; chmod 755 /opt/asked")
		h.reloads(`{"runtimes": {"asked": {"path": "/opt/asked"}}}`, "asked")
		return h.succeeds("grep -x features /run/asked")
	},
	// A version without it ignores the key, and runs the container with runc.
	capability.RuntimeType: func(h host) bool {
		h.reloads(`{"runtimes": {"typed": {"runtimeType": "io.containerd.absent.v1"}, "later": {"path": "runc"}}}`, "later")
		return !h.succeeds("docker run --rm --runtime=typed " + lab.Image + " true")
	},
	capability.ReportsType: func(h host) bool {
		h.reloads(`{"runtimes": {"typed": {"runtimeType": "io.containerd.runc.v2"}, "later": {"path": "runc"}}}`, "later")
		return h.succeeds(info + ` | grep -q '"runtimeType":"io.containerd.runc.v2"'`)
	},
	capability.EmptyRuntimes: func(h host) bool {
		const process = "systemctl show -p MainPID -p InvocationID docker"
		h.reloads(`{"runtimes": {"one": {"path": "runc"}}}`, "one")
		before := h.run(process)
		h.run(`echo '{"runtimes": {}, "default-runtime": "runc"}' >` + daemonJSON + `; date +%s.%N >/run/since; systemctl reload docker || true`)
		// A crash is known by another process, a refusal by a reload event that is missing once the next one came.
		h.run(`echo '{"runtimes": {"two": {"path": "runc"}}}' >` + daemonJSON + `; systemctl is-active docker && systemctl reload docker || true`)
		h.run("until " + info + " | grep -q '\"two\":'; do sleep 0.1; done")
		events := h.run(`docker events --since $(cat /run/since) --until $(date +%s.%N) --filter type=daemon --filter event=reload --format '{{.Action}}' | wc -l`)
		return h.run(process) == before && events == "2"
	},
	capability.EmptyFile: func(h host) bool { return h.restarts("") },
	capability.ContainerdStore: func(h host) bool {
		return h.restarts(`{"features": {"containerd-snapshotter": true}}`) && h.succeeds(info+" | grep -q io.containerd.snapshotter")
	},
	capability.StoreByDefault: func(h host) bool {
		return h.restarts(`{"data-root": "/var/lib/docker/fresh"}`) && h.succeeds(info+" | grep -q io.containerd.snapshotter")
	},
	capability.IDsApart: func(h host) bool {
		h.run("userdel dockremap 2>/dev/null; echo alice:100000:65536 | tee /etc/subuid >/etc/subgid; chmod 711 /var/lib/docker; mkdir -p -m 711 /var/lib/docker/apart")
		started := h.restarts(`{"userns-remap": "default", "data-root": "/var/lib/docker/apart"}`)
		return started && !h.succeeds("grep -q dockremap:100000: /etc/subuid")
	},
	capability.RemapWithStore: func(h host) bool {
		h.run("userdel dockremap 2>/dev/null; useradd --system --user-group dockremap; echo dockremap:200000:65536 | tee /etc/subuid >/etc/subgid; chmod 711 /var/lib/docker; mkdir -p -m 711 /var/lib/docker/both")
		return h.restarts(`{"userns-remap": "default", "data-root": "/var/lib/docker/both", "features": {"containerd-snapshotter": true}}`) &&
			h.succeeds(info+" | grep io.containerd.snapshotter | grep -q name=userns")
	},
	capability.BuildKitCommand: func(h host) bool {
		h.run("printf '#!/bin/sh\\n: >/run/wrapped\\nexec runc \"$@\"\\n' >/opt/wrapper; chmod 755 /opt/wrapper")
		h.run("printf '[Service]\\nEnvironment=DOCKER_BUILDKIT_RUNC_COMMAND=/opt/wrapper\\n' >/etc/systemd/system/docker.service.d/80-probe.conf")
		if !h.restarts("{}") {
			return false
		}
		h.loadImage()
		h.builds("DOCKER_BUILDKIT=1 docker build")
		h.run("rm /etc/systemd/system/docker.service.d/80-probe.conf")
		return h.succeeds("test -e /run/wrapped")
	},
	capability.KeepsDefault: func(h host) bool {
		h.reloads(`{"runtimes": {"one": {"path": "runc"}}, "default-runtime": "one"}`, "one")
		h.reloads(`{"runtimes": {"one": {"path": "runc"}, "two": {"path": "runc"}}}`, "two")
		kept := h.run(defaultRuntime) == "one"
		h.reloads(`{"runtimes": {"one": {"path": "runc"}, "three": {"path": "runc"}}, "default-runtime": "runc"}`, "three")
		return kept
	},
	capability.ForgetsFlags: func(h host) bool {
		start := h.run("systemctl show -p ExecStart --value docker | sed 's/.*argv\\[\\]=\\([^;]*\\) ;.*/\\1/'")
		h.run("printf '[Service]\\nExecStart=\\nExecStart=" + start + " --add-runtime flagged=runc\\n' >/etc/systemd/system/docker.service.d/80-probe.conf")
		if !h.restarts("{}") || !h.succeeds(info+" | grep -q '\"flagged\":'") {
			h.t.Error("dockerd does not start with --add-runtime")
			return false
		}
		h.reloads(`{"runtimes": {"one": {"path": "runc"}}}`, "one")
		h.run("rm /etc/systemd/system/docker.service.d/80-probe.conf")
		return !h.succeeds(info + " | grep -q '\"flagged\":'")
	},
}

const info = "curl -sS --unix-socket /run/docker.sock http://docker/info"

// succeeds says whether a command exits with 0.
func (h host) succeeds(command string) bool {
	h.t.Helper()
	r, err := h.Run(h.t.Context(), "sh", "-c", command)
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Code == 0
}

// reloads makes dockerd read a daemon.json that defines runtime, and waits until it has.
func (h host) reloads(text, runtime string) {
	h.t.Helper()
	h.run("mkdir -p /etc/docker; echo '" + text + "' >" + daemonJSON + "; systemctl reload docker; until " + info + " | grep -q '\"" + runtime + "\":'; do sleep 0.1; done")
}

// restarts restarts dockerd with a daemon.json and says whether it starts.
func (h host) restarts(text string) bool {
	h.t.Helper()
	h.run("mkdir -p /etc/docker; printf '%s' '" + text + "' >" + daemonJSON + "; systemctl daemon-reload; systemctl reset-failed docker.service docker.socket 2>/dev/null || true")
	return h.succeeds("systemctl restart docker.service && docker info >/dev/null")
}

// Each engine does what the table of capabilities says.
func TestCapabilities(t *testing.T) {
	for _, row := range capability.Table() {
		if probes[row.Name] == nil {
			t.Errorf("no probe asks about %s", row.Name)
		}
	}
	for _, e := range lab.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			if e.Built() && os.Getenv(matrixEnv) != "1" {
				t.Skipf("%s=1 tries the engines that the lab builds", matrixEnv)
			}
			suite := e.Suites[len(e.Suites)-1]
			h := boot(t, lab.Options{
				Suite: suite, Engine: e.Name, Buildx: true, Binary: lab.NoBinary, Name: "capable-" + strings.ReplaceAll(e.Name, ".", ""),
				// A restart that fails must not be tried again.
				Files: map[string]lab.File{"/etc/systemd/system/docker.service.d/70-probe.conf": {Content: "[Service]\nRestart=no\n[Unit]\nStartLimitIntervalSec=0\n"}},
			})
			engine := capability.Of(h.run("docker version -f '{{.Server.Version}}'"))
			if why := engine.Untested(); why != "" {
				t.Errorf("got %q, want a tested version", why)
			}
			for _, row := range capability.Table() {
				h := host{h.Host, t}
				if got, want := probes[row.Name](h), engine.Can(row.Name); got != want {
					t.Errorf("%s: %s: got %t, want %t (%s)", e.Name, row.Name, got, want, row.Source)
				}
				if !h.restarts("{}") {
					t.Fatalf("after %s: dockerd does not start any more", row.Name)
				}
			}
		})
	}
}
