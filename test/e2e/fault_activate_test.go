package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// dockerdFlags adds flags to those that docker.service gives dockerd.
func dockerdFlags(flags string) map[string]lab.File {
	return map[string]lab.File{"/etc/systemd/system/docker.service.d/50-flags.conf": {
		Content: "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock " + flags + "\n",
	}}
}

// ordinary is a daemon.json from before Docker started.
const ordinary = `{
  "data-root": "/srv/docker/",
  "storage-driver": "overlay2",
  "log-driver": "json-file",
  "log-opts": {"max-size": "10m", "max-file": "3"},
  "features": {"buildkit": true},
  "mtu": 1450,
  "debug": false
}
`

// ordinaryHost has ordinary, with a symlink to its data root.
func ordinaryHost() lab.Options {
	return lab.Options{Files: map[string]lab.File{
		daemonJSON: {Content: ordinary},
		"/etc/systemd/system/docker.service.d/10-root.conf": {Content: "[Service]\nExecStartPre=/bin/mkdir -p /var/lib/docker/real\nExecStartPre=/bin/ln -sfn /var/lib/docker/real /srv/docker\n"},
	}}
}

func (h host) edited(old, text string) {
	h.t.Helper()
	h.run("grep -qF -e '" + old + "' " + daemonJSON + " && sed -i -e 's|" + old + "|" + text + "|' " + daemonJSON)
}

func TestFault_X02_ARestartActivatesNothingElse(t *testing.T) {
	onEach(t, ordinaryHost(), func(t *testing.T, h host) {
		root := h.run("docker info -f '{{.DockerRootDir}}'")
		h.run("mkdir -p /srv/other")
		plan := "runsc-provisioner plan --userns-remap --allow-hidden-data"
		free := func() {
			t.Helper()
			if r := h.exit(0, plan); strings.Contains(r.Stdout, "held:") {
				t.Errorf("got %v, want nothing held", r)
			}
		}
		held := func(options ...string) {
			t.Helper()
			says(t, h.exit(0, plan), append(options, "held: userns-remap")...)
		}
		// The file is older than Docker's start, and this program has not run yet.
		free()
		if got := h.run("ls /var/lib/runsc-provisioner 2>/dev/null || true"); got != "" {
			t.Errorf("a plan left %s", got)
		}

		// Changed since the start, before this program ran: unknown options count as changed.
		h.edited("/srv/docker/", "/srv/other")
		held("data-root", "log-opts", "mtu")
		h.edited("/srv/other", "/srv/docker/")
		held("log-opts", "mtu")
		h.run("systemctl restart docker")
		free()

		// An apply has seen the options, and its own writes make no difference.
		h.run("runsc-provisioner apply --default-runtime")
		if got := h.run("stat -c %a /var/lib/runsc-provisioner/loaded.json; grep -c 10m /var/lib/runsc-provisioner/loaded.json || true"); got != "600\n0" {
			t.Errorf("got %s, want a file for root alone, without values", got)
		}
		free()
		for _, change := range [][3]string{
			{"/srv/docker/", "/srv/other", "data-root"},
			{"\"mtu\": 1450", "\"mtu\": 1400", "mtu"},
			{"\"10m\"", "\"20m\"", "log-opts"},
			{"\"data-root\": \"/srv/docker/\",", "", "data-root"},
		} {
			before := h.read(daemonJSON)
			h.edited(change[0], change[1])
			held(change[2])
			text := h.read(daemonJSON)
			says(t, h.exit(4, "runsc-provisioner apply --once --userns-remap --allow-hidden-data"), "held: userns-remap", change[2])
			if got := h.read(daemonJSON); got != text || h.starts() != 2 {
				t.Errorf("%s: got daemon.json %s after %d starts, want nothing done", change[2], got, h.starts())
			}
			h.run("cat > " + daemonJSON + " <<'EOF'\n" + strings.TrimSuffix(before, "\n") + "\nEOF")
		}
		if change := h.run("docker info -f '{{.DockerRootDir}}'"); change != root {
			t.Errorf("got data in %s, want %s", change, root)
		}

		// Restored: nothing is held.
		h.run("runsc-provisioner apply --userns-remap --allow-hidden-data")
		if got := h.run("docker info -f '{{.DockerRootDir}}'"); got != root+"/100000.100000" {
			t.Errorf("got data in %s, want it below %s", got, root)
		}
		says(t, h.exit(0, "runsc-provisioner apply"), "nothing to do")

		// Switching off, and the daemon, hold it too.
		h.edited("\"mtu\": 1450", "\"mtu\": 1400")
		says(t, h.exit(4, switchOff), "mtu")
		h.run("cat > " + ownConfig + " <<'EOF'\n[docker]\nuserns_remap = \"off\"\n[enforce]\nmax_disruption = \"restart\"\nEOF\nrm -f /etc/runsc-provisioner/config.d/50-apply.toml; systemctl start runsc-provisioner")
		s := h.awaits("held", func(s status.Status) bool { return len(s.Held) > 0 })
		if s.State != status.StateHeld || s.Counts.Restarts != 0 {
			t.Errorf("got %s after %d restarts, want it held", s.State, s.Counts.Restarts)
		}
	})
}

func TestFault_X03_AReloadNamesWhatElseItActivates(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{daemonJSON: {Content: `{"debug": false, "shutdown-timeout": 20, "mtu": 1450}` + "\n"}}})
	plan := "runsc-provisioner plan --format json"
	if got := h.run(plan); strings.Contains(got, "activates") {
		t.Errorf("got %s, want nothing else named", got)
	}
	h.run("runsc-provisioner apply")
	h.run("echo '{\"debug\": true, \"shutdown-timeout\": 21, \"labels\": [\"secret=1\"], \"mtu\": 1400}' > " + daemonJSON)
	got := h.run(plan)
	if !strings.Contains(got, `"activates"`) || strings.Contains(got, "secret=1") {
		t.Errorf("got %s, want the keys named, without values", got)
	}
	says(t, h.exit(0, "runsc-provisioner plan"), "debug, labels, shutdown-timeout")
	h.run("runsc-provisioner apply")
	h.run("rm " + daemonJSON)
	if got := h.run(plan); strings.Contains(got, "activates") {
		t.Errorf("got %s, want no option named: a removed option stays in effect", got)
	}
}

func TestFault_X04_AReloadKeepsTheRuntimesOfFlags(t *testing.T) {
	const nvidia = "/usr/local/bin/nvidia-runtime"
	files := dockerdFlags("--add-runtime=nvidia=" + nvidia + " --default-runtime=nvidia")
	files[nvidia] = lab.File{Content: "#!/bin/sh\nexec runc \"$@\"\n", Mode: 0o755}
	onEach(t, lab.Options{Files: files}, func(t *testing.T, h host) {
		works := func() {
			t.Helper()
			h.run("docker run --rm --runtime=nvidia " + lab.Image + " true && docker run --rm " + lab.Image + " true")
		}
		works()
		r := h.exit(4, "runsc-provisioner apply")
		says(t, r, "held: register runsc", `"runtimes": {"nvidia":{"path":"`+nvidia+`"}}`)
		if got := h.run("cat " + daemonJSON + " 2>&1 || true"); strings.Contains(got, "runsc") {
			t.Errorf("got %s, want nothing written", got)
		}
		works()
		// The daemon holds it too.
		h.run("systemctl start runsc-provisioner")
		s := h.awaits("held", func(s status.Status) bool { return len(s.Held) > 0 })
		if s.State != status.StateHeld || s.Counts.Reloads != 0 {
			t.Errorf("got %s after %d reloads, want it held", s.State, s.Counts.Reloads)
		}
		h.run("systemctl stop runsc-provisioner")

		// The plan's advice is enough.
		h.run(`echo '{"runtimes": {"nvidia":{"path":"` + nvidia + `"}}}' > ` + daemonJSON)
		h.run("runsc-provisioner apply")
		works()
		h.run("docker run --rm --runtime=runsc " + lab.Image + " true; systemctl restart docker")
		h.loadImage()
		works()
		says(t, h.exit(0, "runsc-provisioner apply"), "nothing to do")
	})
}

// ours is a daemon.json with arguments that the configuration leaves alone.
var ours = map[string]lab.File{lab.LabConfigPath: {Content: strings.Split(lab.LabConfig, "\n[docker")[0] + "\n"}}

func TestFault_X05_NewArgumentsAreProvenFirst(t *testing.T) {
	onEach(t, lab.Options{Files: ours}, func(t *testing.T, h host) {
		h.run(`echo '{"runtimes": {"runsc": {"path": "/usr/bin/runsc", "runtimeArgs": ["--ignore-cgroups"]}}}' > ` + daemonJSON)
		h.run("runsc-provisioner apply --default-runtime")
		h.verify(0)
		runs := func() {
			t.Helper()
			h.run("docker run --rm " + lab.Image + " true")
		}
		runs()

		// A user's typo, not loaded.
		h.edited("--ignore-cgroups", "--ignore-cgruops")
		typo := h.read(daemonJSON)
		says(t, h.exit(1, "runsc-provisioner apply"), "ignore-cgruops")
		runs()
		if got := h.read(daemonJSON); got != typo {
			t.Errorf("got %s, want the edit left alone", got)
		}
		item := func(v verification, name string) string {
			for _, i := range v.Host {
				if i.Name == name {
					return i.Status
				}
			}
			return "none"
		}
		if got := item(h.verify(2), "runtime runsc"); got != "warning" {
			t.Errorf("verify: got %s of the runtime, want a warning", got)
		}
		h.run("systemctl start runsc-provisioner")
		s := h.awaits("failing", func(s status.Status) bool { return s.State == status.StateFailing })
		if s.Counts.Reloads != 0 {
			t.Errorf("got %d reloads, want none", s.Counts.Reloads)
		}
		runs()

		// Another program's reload cannot be prevented, but it is reported.
		h.run("systemctl reload docker")
		h.exit(1, "i=0; while docker run --rm "+lab.Image+" true 2>/dev/null && [ $i -lt 600 ]; do i=$((i+1)); sleep 0.1; done; docker run --rm "+lab.Image+" true 2>/dev/null && exit 0; exit 1")
		if got := item(h.verify(1), "runtime runsc"); got != "warning" {
			t.Errorf("verify: got %s of the runtime, want a warning", got)
		}
		h.run("systemctl stop runsc-provisioner")
		if got := h.run("runsc-provisioner status || true"); strings.Contains(got, "enforced") {
			t.Errorf("status: got %s", got)
		}
		says(t, h.exit(1, "runsc-provisioner apply"), "ignore-cgruops")
		h.run("systemctl start runsc-provisioner")
		h.awaits("failing again", func(s status.Status) bool { return s.State == status.StateFailing })

		// The user fixes it, and the daemon loads it.
		h.edited("--ignore-cgruops", "--ignore-cgroups")
		h.enforced()
		runs()
		h.verify(0)
	})
}
