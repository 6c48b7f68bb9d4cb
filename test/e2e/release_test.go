package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

func TestEachLayoutInstalls(t *testing.T) {
	h := boot(t, lab.Options{})
	for _, layout := range []struct{ name, release, kernel string }{
		{"zstd bundle", newer, "gvisor"},
		{"bz2 bundle only", "20260831.0", "gvisor"},
		{"loose files only", "20260817.0", "gvisor"},
		{"both at once", "20260810.0", "gvisor"},
		{"zstd bundle with five sidecars, four of them stand-ins", fiveSidecars, "gvisor"},
	} {
		h.run("runsc-provisioner apply --allow-downgrade --release " + layout.release)
		if got := h.run("docker run --rm --runtime=runsc " + lab.Image + " uname -r"); !strings.Contains(got, layout.kernel) {
			t.Errorf("%s: kernel inside: got %q, want one with %q", layout.name, got, layout.kernel)
		}
		if got, want := h.run("runsc --version | head -n 1"), "runsc version release-"+layout.release; got != want {
			t.Errorf("%s: got %q, want %q", layout.name, got, want)
		}
	}
	want := "checkpointgofer\ngvisor-sentry-prewarmer\ngvisor_sentry\nrunsc-fd-parking\nrunsc-metric-server"
	if got := h.run("LC_ALL=C ls " + store + "/" + fiveSidecars + "/gvisor-bin"); got != want {
		t.Errorf("sidecars: got %q, want %q", got, want)
	}
	// runsc starts the prewarmer only if it finds it, and the prewarmer then becomes the sandbox.
	h.run("docker run -d --name box --runtime=runsc " + lab.Image + " sleep 600")
	if state, release := h.verify(0).container(t, "box"); state != "sandboxed" || release != fiveSidecars {
		t.Errorf("under the five sidecars: got %s, %s, want sandboxed, %s", state, release, fiveSidecars)
	}
}

// fiveSidecars is the lab's release with all sidecars of gVisor's bundles.
const fiveSidecars = "20260921.0"

func TestDebiansLooseBuildInstalls(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --release 20240729.0 --runtime-arg=--ignore-cgroups --runtime-arg=--network=none")
	if got := h.run("docker run --rm --runtime=runsc " + lab.Image + " uname -r"); got != "4.4.0" {
		t.Errorf("kernel inside: got %q, want gVisor's of 2024, 4.4.0", got)
	}
}

func TestFault_D01_APageIsNeverInstalled(t *testing.T) {
	h := boot(t, lab.Options{})
	before := h.snapshot()
	for _, page := range []string{"html404", "html403", "html200"} {
		url := "https://releases.lab/fault-" + page + "/gvisor/releases"
		result := h.exit(65, "runsc-provisioner apply --url "+url)
		if !strings.Contains(result.Stderr, "https://releases.lab/fault-"+page) {
			t.Errorf("%s: the message names no URL: %s", page, result.Stderr)
		}
	}
	// The attempts created at most the directory of the store.
	h.run("rmdir " + store + " 2>/dev/null || true")
	h.untouched(before)
}

func TestAReleaseThatCannotRunHereIsNeverRegistered(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		for _, cannot := range []struct{ name, args, says string }{
			{"an unknown flag", "--runtime-arg=--ignore-cgroups --runtime-arg=--no-such-flag", "no-such-flag"},
			{"no cgroups", "--runtime-arg=--debug=false", "cgroup"},
		} {
			result := h.exit(1, "runsc-provisioner apply --default-runtime "+cannot.args)
			if !strings.Contains(result.Stderr, cannot.says) {
				t.Errorf("%s: runsc's own error is not shown: %s", cannot.name, result.Stderr)
			}
			if got := h.run("cat " + daemonJSON + " 2>/dev/null || true"); strings.Contains(got, "runsc") {
				t.Errorf("%s: registered all the same: %s", cannot.name, got)
			}
			if got := h.run("docker info --format '{{.DefaultRuntime}}'"); got != "runc" {
				t.Errorf("%s: default runtime: got %s, want runc", cannot.name, got)
			}
			if got := h.run("pgrep -fc 'runsc[-]sandbox|runsc-[p]roof' || true"); got != "0" {
				t.Errorf("%s: %s processes were left behind", cannot.name, got)
			}
		}
	})
}

func TestFault_F06_HostileEnvironmentAndUmask(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{"/evil/runsc": {Content: "#!/bin/sh\ntouch /evil/ran\n", Mode: 0o755}}})
	h.run("umask 077; PATH=/evil LD_PRELOAD=/evil/none.so LD_LIBRARY_PATH=/evil GVISOR_DEBUG=1 /usr/local/bin/runsc-provisioner apply --default-runtime")
	h.run("test ! -e /evil/ran")
	for path, want := range map[string]string{
		store: "755", store + "/" + newer: "755", store + "/" + newer + "/runsc": "755", daemonJSON: "644",
	} {
		if got := h.run("stat -c %a " + path); got != want {
			t.Errorf("mode of %s: got %s, want %s", path, got, want)
		}
	}
	h.run("docker run --rm " + lab.Image + " true")
}

func TestFault_F07_NotRoot(t *testing.T) {
	h := boot(t, lab.Options{})
	before := h.snapshot()
	const nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups "
	h.exit(77, nobody+"runsc-provisioner apply")
	if result := h.exit(69, nobody+"runsc-provisioner plan"); !strings.Contains(result.Stderr, "docker.sock") {
		t.Errorf("plan does not name what it may not read: %s", result.Stderr)
	}
	h.exit(3, nobody+"runsc-provisioner verify")
	h.untouched(before)
}

func TestFault_F08_AStoreThatOthersMayWriteIsRefused(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply && chmod 777 " + store)
	before := h.snapshot()
	h.exit(78, "runsc-provisioner apply")
	if seen := h.exit(2, "runsc-provisioner verify").Stdout; !strings.Contains(seen, "critical: "+store+": ") || !strings.Contains(seen, "lets others write") {
		t.Errorf("got\n%s\nwant the store to be critical", seen)
	}
	h.untouched(before)
}

func TestFault_J12_ADanglingSymlinkIsRefused(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("mkdir -p /etc/docker && ln -s nowhere.json " + daemonJSON)
	h.exit(78, "runsc-provisioner apply")
	if got := h.run("readlink " + daemonJSON); got != "nowhere.json" {
		t.Errorf("the symlink: got %q, want nowhere.json", got)
	}
}

func TestAConfigFileThatIsAFIFOIsRefused(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("mkfifo /etc/runsc-provisioner/config.d/60-x.toml")
	h.exit(78, "runsc-provisioner apply")
}
