package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"runsc-provisioner/test/lab"
)

// wrapped replaces dockerd in docker.service by a script that execs the real dockerd under its own name.
func wrapped(body string) map[string]lab.File {
	return map[string]lab.File{
		"/usr/local/sbin/dockerd": {Mode: 0o755, Content: "#!/bin/bash\n" + body + "\nexec -a /usr/local/sbin/dockerd /usr/sbin/dockerd \"$@\"\n"},
		"/etc/systemd/system/docker.service.d/50-wrapper.conf": {
			Content: "[Service]\nExecStart=\nExecStart=/usr/local/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock\n",
		},
	}
}

// remapping is a configuration that needs a restart of Docker.
func remapping(user string) lab.File {
	return lab.File{Content: "[docker]\nuserns_remap = \"" + user + "\"\n"}
}

const remapConfig = "/etc/runsc-provisioner/config.d/60-remap.toml"

func with(files map[string]lab.File, path string, f lab.File) map[string]lab.File {
	files[path] = f
	return files
}

// says checks that a command printed all of parts.
func says(t *testing.T, r lab.Result, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(r.Stdout+r.Stderr, part) {
			t.Errorf("got %v\nwant it to have %q", r, part)
		}
	}
}

// settled checks that no run has left anything unfinished.
func (h host) settled() {
	h.t.Helper()
	if left := h.run("ls -A /var/lib/runsc-provisioner | grep -v '^lock$\\|^accepted.json$\\|^proofs$\\|^accepted.copy.json$\\|^validated$\\|^failed-proofs$\\|^rejected-arguments$\\|^loaded.json$\\|^before.json$\\|^ids$\\|^backup$' || true; ls -A " + store + " 2>/dev/null | grep '^.runsc-prov' || true; ls -A /etc/docker | grep runsc-prov || true"); left != "" {
		h.t.Errorf("got %q left behind, want nothing", left)
	}
	if left := h.run("docker ps -aq --filter name=runsc-provisioner-proof; docker images -q --filter reference='runsc-provisioner-proof*'"); left != "" {
		h.t.Errorf("got containers and images %q left behind, want none", left)
	}
}

// bare makes a configuration that sets the trust alone.
const bare = `mkdir -p /root/none && printf '[release]\ntrust = "checksum"\n' >/root/none/config.toml`

func TestFault_E01_OtherDockersAreNamed(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("systemctl stop docker.socket docker.service; systemctl mask docker.service")
	says(t, h.exit(69, "runsc-provisioner apply"), "docker.service", "masked")
	h.run("systemctl unmask docker.service; mv /usr/lib/systemd/system/docker.service /root/; rm /etc/init.d/docker; systemctl daemon-reload")
	says(t, h.exit(69, "runsc-provisioner apply"), "Docker is not installed")
	h.run("cp /bin/sleep /tmp/dockerd; setsid setpriv --reuid=1000 --clear-groups /tmp/dockerd 1000 >/dev/null 2>&1 & sleep 0; until grep -qs dockerd /proc/[0-9]*/comm; do :; done")
	says(t, h.exit(69, "runsc-provisioner plan"), "rootless", "uid 1000")
	h.run("cp /root/docker.service /etc/systemd/system/snap.docker.dockerd.service; systemctl daemon-reload")
	says(t, h.exit(69, "runsc-provisioner apply"), "snap")
	if _, err := os.Stat(h.Path(store)); err == nil {
		t.Errorf("got %s made, want nothing touched", store)
	}
}

func TestFault_E02_StoppedDockerIsNotStarted(t *testing.T) {
	t.Parallel()
	for name, docker := range map[string]lab.Docker{"stopped": lab.DockerStopped, "on demand": lab.DockerOnDemand} {
		t.Run(name, func(t *testing.T) {
			h := boot(t, lab.Options{Docker: docker, Files: map[string]lab.File{remapConfig: remapping("default")}})
			r := h.exit(4, "runsc-provisioner apply --default-runtime --release "+newer)
			says(t, r, "held: default-runtime runsc", "held: userns-remap default", "take effect when Docker starts")
			if state := h.exit(3, "systemctl is-active docker.service").Stdout; strings.TrimSpace(state) != "inactive" {
				t.Errorf("got docker.service %s, want it still inactive", state)
			}
			text := h.read(daemonJSON)
			if !strings.Contains(text, newer) || strings.Contains(text, "default-runtime") || strings.Contains(text, "userns") {
				t.Errorf("got daemon.json %s, want the runtime and no key that is held", text)
			}
			h.run("rm " + remapConfig + "; systemctl start docker")
			h.run("runsc-provisioner apply")
			if got := h.run("docker info -f '{{.DefaultRuntime}}'"); got != "runsc" {
				t.Errorf("after Docker's start: got default runtime %s, want runsc", got)
			}
			h.settled()
		})
	}
}

// dockerd refuses the file. With --validate (23.0), nothing is touched; without it, the reload fails and
// everything is restored (E04).
func TestFault_E03_AFileThatDockerdRefuses(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.run("mkdir -p /etc/docker; echo '{\"bogus\": true}' > " + daemonJSON)
		before := h.snapshot()
		if h.run("dockerd --version") < "Docker version 23" {
			r := h.exit(3, "runsc-provisioner apply")
			says(t, r, "everything is as it was before", "bogus")
			if got := h.read(daemonJSON); got != before.DaemonJSON+"\n" {
				t.Errorf("got daemon.json %s, want the old one", got)
			}
			if got := h.run("docker info -f '{{range $n, $_ := .Runtimes}}{{$n}} {{end}}'"); strings.Contains(got, "runsc") {
				t.Errorf("got dockerd with runtimes %s, want it without", got)
			}
			h.settled()
			// dockerd's earlier settings do not prove that the file is valid.
			h.run("rm " + daemonJSON + "; runsc-provisioner apply; echo '{\"bogus\": true}' > " + daemonJSON)
			h.exit(3, "runsc-provisioner apply")
			if got := h.read(daemonJSON); got != before.DaemonJSON+"\n" {
				t.Errorf("runsc known already: got daemon.json %s, want the old one", got)
			}
			return
		}
		r := h.exit(78, "runsc-provisioner apply")
		says(t, r, "dockerd --validate refuses", "bogus")
		says(t, h.exit(78, "runsc-provisioner plan"), "dockerd --validate refuses")
		h.untouched(before)
	})
}

func TestFault_E03_AnUndefinedDefaultRuntime(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.run("mkdir -p /etc/docker; echo '{\"default-runtime\": \"nvidia\"}' > " + daemonJSON)
		before := h.snapshot()
		says(t, h.exit(78, "runsc-provisioner apply"), `"nvidia", which is not a defined runtime`)
		h.untouched(before)
	})
}

func TestFault_E04_AReloadThatIsRefused(t *testing.T) {
	h := boot(t, lab.Options{Files: wrapped(`case "$*" in *--validate*) exit 0;; esac`)})
	h.run("mkdir -p /etc/docker; echo '{\"bogus\": true}' > " + daemonJSON)
	id := h.run("docker run -d " + lab.Image + " sleep 1000")
	r := h.exit(3, "runsc-provisioner apply --default-runtime")
	says(t, r, "refused to read daemon.json", "everything is as it was before", "bogus")
	if got := h.read(daemonJSON); got != "{\"bogus\": true}\n" {
		t.Errorf("got daemon.json %s, want the old one", got)
	}
	if got := h.run("docker inspect -f '{{.State.Running}}' " + id); got != "true" {
		t.Errorf("got the container running: %s, want true", got)
	}
	h.settled()
	if _, err := os.Lstat(h.Path(link)); err == nil {
		t.Error("got the link left, want it gone")
	}
}

// A restart with userns-remap can fail in these ways.
func TestFault_E05_ARestartThatFailsIsRolledBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		user   string
		files  map[string]lab.File
		before string // run right before apply
		args   string
		said   []string
	}{
		{
			name: "dockerd exits", user: "default",
			files: wrapped(`case "$*" in *--validate*) ;; *) grep -qs userns-remap /etc/docker/daemon.json && { echo 'failed to start daemon: of the lab'; exit 1; } ;; esac`),
			said:  []string{"failed to start daemon: of the lab"},
		},
		{
			name: "dockerd hangs", user: "default", args: "--restart-timeout=20s",
			files: wrapped(`case "$*" in *--validate*) ;; *) grep -qs userns-remap /etc/docker/daemon.json && exec sleep infinity ;; esac`),
			said:  []string{"not up after 20s"},
		},
		{
			name: "start limit", user: "default", files: map[string]lab.File{},
			before: "systemctl reset-failed docker; systemctl restart docker && systemctl restart docker && systemctl restart docker",
			said:   []string{"start limit", "StartLimitInterval"},
		},
		{
			name: "job canceled", user: "default",
			files:  wrapped(`case "$*" in *--validate*) ;; *) grep -qs userns-remap /etc/docker/daemon.json && { touch /run/hangs; exec sleep infinity; } ;; esac`),
			before: "(until [ -e /run/hangs ]; do sleep 0.1; done; systemctl list-jobs --no-legend | while read job unit _; do [ $unit = docker.service ] && systemctl cancel $job; done) >/dev/null 2>&1 &",
			said:   []string{"cancel"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := boot(t, lab.Options{Name: "e05-" + strings.ReplaceAll(test.name, " ", "-"), Files: with(test.files, remapConfig, remapping(test.user))})
			h.run(bare + " && runsc-provisioner apply --default-runtime --config-dir /root/none --once --url https://releases.lab/gvisor/releases --runtime-arg=--ignore-cgroups")
			text := h.read(daemonJSON)
			if test.before != "" {
				h.run(test.before)
			}
			started := time.Now()
			r := h.exit(3, "runsc-provisioner apply --allow-restart --allow-hidden-data "+test.args)
			t.Logf("after %s: %v", time.Since(started), r)
			says(t, r, append(test.said, "everything is as it was before")...)
			if got := h.read(daemonJSON); got != text {
				t.Errorf("got daemon.json %s, want the old one", got)
			}
			if got := h.run("systemctl is-active docker.service docker.socket; docker info -f '{{.DefaultRuntime}} {{.SecurityOptions}}'"); !strings.HasPrefix(got, "active\nactive\nrunsc ") || strings.Contains(got, "userns") {
				t.Errorf("got Docker %s, want it up as before", got)
			}
			h.settled()
		})
	}
}

func TestFault_E06_DockerThatStaysDown(t *testing.T) {
	broken := `case "$*" in *--validate*) ;; *) grep -qs userns-remap /etc/docker/daemon.json && touch /run/broken; [ -e /run/broken ] && { echo x >> /run/attempts; exit 1; } ;; esac`
	h := boot(t, lab.Options{Files: with(wrapped(broken), "/etc/systemd/system/docker.service.d/60-limit.conf", lab.File{Content: "[Service]\nRestart=no\n"})})
	h.run("runsc-provisioner apply --default-runtime")
	text := h.read(daemonJSON)
	h.run("mkdir -p /etc/runsc-provisioner/config.d; printf '[docker]\\nuserns_remap = \"default\"\\n' > " + remapConfig)
	r := h.exit(70, "runsc-provisioner apply --allow-restart --allow-hidden-data")
	says(t, r, "docker is down", "systemctl status docker.service", "journalctl -u docker.service")
	if got := h.read(daemonJSON); got != text {
		t.Errorf("got daemon.json %s, want the old one", got)
	}
	if got := h.run("wc -l < /run/attempts"); got != "2" {
		t.Errorf("got %s starts, want the restart and one more", got)
	}
	h.run("rm /run/broken " + remapConfig + "; systemctl reset-failed docker.service docker.socket; systemctl start docker")
	h.run("runsc-provisioner apply")
	if got := h.run("docker info -f '{{.DefaultRuntime}}'"); got != "runsc" {
		t.Errorf("got default runtime %s, want runsc", got)
	}
	h.settled()
}

// systemd is re-executed, or dockerd killed, at successive moments of an apply. Each apply must report its
// outcome correctly, and the next one must converge.
func TestFault_E07_SystemdOrDockerdGoesAwayInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, blow := range map[string]string{"systemd": "systemctl daemon-reexec", "dockerd": "kill -9 $(systemctl show -p MainPID --value docker)"} {
		t.Run(name, func(t *testing.T) {
			h := boot(t, lab.Options{Name: "e07-" + name})
			h.run("runsc-provisioner apply --default-runtime --release " + older)
			releases := []string{newer, older}
			for i := range 8 {
				h.run("systemctl reset-failed docker.service docker.socket")
				want := releases[i%2]
				command := fmt.Sprintf("runsc-provisioner apply --allow-downgrade --release %s > /tmp/out 2>&1 & pid=$!; sleep 0.%d; %s; wait $pid; echo $? > /tmp/code", want, 1+i, blow)
				h.run(command)
				code := h.run("cat /tmp/code")
				switch code {
				case "0", "1", "3", "69":
				default:
					t.Errorf("blow %d: got exit %s, want 0, 1, 3 or 69:\n%s", i, code, h.run("cat /tmp/out"))
				}
				h.run("systemctl reset-failed docker.service docker.socket; systemctl start docker")
				h.run("runsc-provisioner apply --allow-downgrade --release " + want)
				if got := h.run("docker info -f '{{.DefaultRuntime}} {{(index .Runtimes \"runsc\").Path}}'"); got != "runsc "+store+"/"+want+"/runsc" {
					t.Errorf("blow %d: got %s, want release %s", i, got, want)
				}
				h.settled()
			}
		})
	}
}

func TestFault_E08_ARestartThatStopsContainersIsHeld(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime")
	text := h.read(daemonJSON)
	h.run("printf '[docker]\\nuserns_remap = \"default\"\\n' > " + remapConfig)
	id := h.run("docker run -d --name precious " + lab.Image + " sleep 1000")
	for _, command := range []string{"plan --detailed-exitcode", "apply"} {
		r := h.exit(4, "runsc-provisioner "+command)
		says(t, r, "held: userns-remap default", "precious", "--allow-restart")
	}
	if got := h.read(daemonJSON); got != text {
		t.Errorf("got daemon.json %s, want the key that is held not in it", got)
	}
	if got := h.run("docker inspect -f '{{.State.Running}}' " + id); got != "true" {
		t.Errorf("got the container running: %s, want true", got)
	}
	// live-restore would keep it running, and a remapped dockerd would not see it.
	h.run("sed -i 's/^{/{\"live-restore\": true,/' " + daemonJSON + "; systemctl reload docker; until docker info -f '{{.LiveRestoreEnabled}}' | grep -q true; do :; done")
	says(t, h.exit(4, "runsc-provisioner apply --allow-restart --allow-hidden-data"), "live-restore", "precious")
	h.run("sed -i 's/\"live-restore\": true,/\"live-restore\": false,/' " + daemonJSON + "; systemctl reload docker; until docker info -f '{{.LiveRestoreEnabled}}' | grep -q false; do :; done")
	says(t, h.exit(0, "runsc-provisioner apply --allow-restart --allow-hidden-data"), "restart", "stops a running container: precious", "userns-remap on")
	if got := h.run("docker info -f '{{.SecurityOptions}} {{.DefaultRuntime}}'"); !strings.Contains(got, "name=userns") || !strings.HasSuffix(got, " runsc") {
		t.Errorf("got %s, want userns-remap and the default runsc", got)
	}
	h.settled()
	says(t, h.exit(0, "runsc-provisioner apply"), "nothing to do")
}

func TestFault_E09_RuntimesThatStartNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files map[string]lab.File
		setup string
		args  string
		code  int
		said  []string
	}{
		{name: "an unknown flag", args: "--runtime-arg=--no-such-flag", code: 1, said: []string{"no-such-flag"}},
		{
			// The lab's bundles lack a sidecar that gVisor's bundles have.
			name: "missing sidecar, strict policy", code: 1, said: []string{"sidecar", "STRICT"},
			args: "--runtime-arg=--ignore-cgroups --runtime-arg=--sidecar-usage-policy=STRICT",
		},
		{
			name: "store without exec", code: 1, said: []string{"permission denied"},
			setup: bare + " && runsc-provisioner apply --once --release " + newer + " --config-dir /root/none --url https://releases.lab/gvisor/releases --runtime-arg=--ignore-cgroups && mount --bind " + store + " " + store + " && mount -o remount,bind,noexec " + store,
		},
		{
			name: "works outside Docker only", code: 3, said: []string{"dockerd starts no sandbox of gVisor", "(runtime runsc)", "everything is as it was before"},
			files: map[string]lab.File{"/etc/systemd/system/containerd.service.d/50-lab.conf": {Content: "[Service]\nNoExecPaths=-/usr/local/lib\n"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := boot(t, lab.Options{Name: "e09-" + strings.ReplaceAll(test.name[:8], " ", "-") + "x", Files: test.files})
			if test.setup != "" {
				h.run(test.setup)
			}
			id := h.run("docker run -d --runtime=runc " + lab.Image + " sleep 1000")
			text := h.run("cat " + daemonJSON + " 2>&1 || true")
			r := h.exit(test.code, "runsc-provisioner apply --default-runtime "+test.args)
			says(t, r, test.said...)
			t.Log(r)
			if got := h.run("cat " + daemonJSON + " 2>&1 || true"); got != text {
				t.Errorf("got daemon.json %s, want %s", got, text)
			}
			if got := h.run("docker info -f '{{.DefaultRuntime}}'; docker inspect -f '{{.State.Running}}' " + id + "; docker run --rm " + lab.Image + " true && echo fine"); got != "runc\ntrue\nfine" {
				t.Errorf("got %q, want runc, and containers as before", got)
			}
			if strings.Contains(h.run("journalctl -u docker -o cat"), "default-runtime\":\"runsc") {
				t.Error("got the default switched for a while")
			}
			h.settled()
		})
	}
}

func TestFault_E11_ADockerdThatStartsIsWaitedFor(t *testing.T) {
	onEach(t, lab.Options{Files: wrapped(`case "$*" in *--validate*) ;; *) [ -e /run/slow ] && sleep 3 ;; esac`)}, func(t *testing.T, h host) {
		h.run("touch /run/slow; systemctl restart --no-block docker; until systemctl is-active docker | grep -q activating; do :; done")
		h.run("runsc-provisioner apply --default-runtime")
		if got := h.run("systemctl show -p NRestarts --value docker; docker info -f '{{.DefaultRuntime}}'"); got != "0\nrunsc" {
			t.Errorf("got %q, want no restart and the default runsc", got)
		}
		h.settled()
	})
}

func TestFault_F03_TermInTheMiddle(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime --release " + older)
	for i, signal := range []string{"TERM", "INT", "TERM", "INT", "TERM", "INT", "TERM", "INT"} {
		want := []string{newer, older}[i%2]
		text := h.read(daemonJSON)
		r, err := h.Run(t.Context(), "timeout", "--preserve-status", "-s", signal, fmt.Sprintf("0.%d", 1+i), "runsc-provisioner", "apply", "--once", "--allow-downgrade", "--release", want)
		if err != nil {
			t.Fatal(err)
		}
		switch r.Code {
		case 0:
		case 1, 3, 128 + int(syscall.SIGINT), 128 + int(syscall.SIGTERM): // the last two: before it listens to signals
			if got := h.read(daemonJSON); got != text {
				t.Errorf("signal %d: got daemon.json %s, want the old one after %v", i, got, r)
			}
		default:
			t.Errorf("signal %d: got %v, want exit 0, 1 or 3, or the end by the signal", i, r)
		}
		h.settled()
		h.run("runsc-provisioner apply --once --allow-downgrade --release " + want)
	}
}
