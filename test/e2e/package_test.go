package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/test/lab"
	"runsc-provisioner/test/packages"
)

const (
	firstVersion = "1.0.0"
	nextVersion  = "1.1.0"
	// userJSON is daemon.json before the first apply.
	userJSON = "{\n  \"log-driver\": \"json-file\"\n}\n"
)

// packaged boots a host that has Docker and two debs, and not the program.
func packaged(t *testing.T, suite string, debs map[string]string) host {
	t.Helper()
	h := boot(t, lab.Options{
		Suite: suite, Binary: lab.NoBinary, Files: map[string]lab.File{daemonJSON: {Content: userJSON}},
	})
	for version, deb := range debs {
		text, err := os.ReadFile(deb)
		if err == nil {
			err = os.WriteFile(h.Path(debPath(version)), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func debPath(version string) string { return "/root/runsc-provisioner_" + version + ".deb" }

// debs builds two versions of the deb.
func debs(t *testing.T) map[string]string {
	t.Helper()
	lab.SkipIfOff(t)
	built := map[string]string{}
	for _, version := range []string{firstVersion, nextVersion} {
		dir := packages.Build(t, packages.Options{Version: version, Archs: "amd64", Formats: "deb"})
		built[version] = packages.One(t, dir, "*.deb")
	}
	return built
}

// unit is one property of the service.
func (h host) unit(property string) string {
	h.t.Helper()
	return h.run("systemctl show --value -p " + property + " runsc-provisioner")
}

// serves fails the test unless the service runs the program of a version.
func (h host) serves(version string) {
	h.t.Helper()
	if got := h.run("/proc/" + h.unit("MainPID") + "/exe version"); !strings.Contains(got, " "+version+" ") {
		h.t.Errorf("the service runs %q, want %s", got, version)
	}
}

// notEnabled fails the test if the service runs, or would be started at boot.
func (h host) notEnabled(when string) {
	h.t.Helper()
	links := h.run("find /etc/systemd/system -name 'runsc-provisioner*'")
	if active := h.unit("ActiveState"); active != "inactive" || links != "" {
		h.t.Errorf("%s: the service is %s, links: %q", when, active, links)
	}
}

func TestPackage(t *testing.T) {
	t.Parallel()
	debs := debs(t)
	for _, suite := range suites(t) {
		t.Run(suite, func(t *testing.T) { installedUpgradedRemovedAndPurged(t, packaged(t, suite, debs)) })
	}
	t.Run("without systemd", func(t *testing.T) { withoutSystemd(t, packaged(t, "", debs)) })
}

func installedUpgradedRemovedAndPurged(t *testing.T, h host) {
	t.Helper()
	before := h.snapshot()
	h.run("dpkg -i " + debPath(firstVersion))
	h.untouched(before)
	h.notEnabled("installed")
	if got := h.run("systemctl preset runsc-provisioner; systemd-analyze --man=no verify runsc-provisioner.service 2>&1"); got != "" {
		t.Errorf("systemd finds: %s", got)
	}
	h.notEnabled("preset")
	h.run("runsc-provisioner config check && test $(stat -c %a /var/lib/runsc-provisioner) = 700")

	h.run("runsc-provisioner apply --default-runtime && systemctl enable --now runsc-provisioner")
	h.enforced()
	h.serves(firstVersion)
	h.run("docker run -d --name web " + lab.Image + " sleep 600")
	sandbox := h.run("docker inspect -f '{{.State.Pid}} {{.State.StartedAt}}' web")
	applied := h.snapshot()

	h.run("dpkg -i " + debPath(nextVersion))
	h.serves(nextVersion)
	h.enforced()
	works := func(when string) {
		t.Helper()
		h.untouched(applied)
		if got := h.run("docker inspect -f '{{.State.Pid}} {{.State.StartedAt}}' web"); got != sandbox {
			t.Errorf("%s: the container is %s, was %s", when, got, sandbox)
		}
		if got := h.run("docker run --rm " + lab.Image + " uname -r"); !strings.Contains(got, "gvisor") {
			t.Errorf("%s: a new container sees the kernel %s", when, got)
		}
	}
	works("upgraded")

	h.staysForBuilds()
	h.run("dpkg -r runsc-provisioner")
	h.notEnabled("removed")
	works("removed")
	h.run("test ! -e /usr/bin/runsc-provisioner && test -s /var/lib/runsc-provisioner/before.json")
	h.run("test -s /etc/runsc-provisioner/config.d/50-apply.toml")

	h.run("dpkg -i " + debPath(nextVersion))
	h.notEnabled("installed again")
	if got := h.run("runsc-provisioner apply"); !strings.Contains(got, "nothing to do") {
		t.Errorf("got %s, want nothing to do", got)
	}
	got := h.exit(0, "dpkg --purge runsc-provisioner").Stderr
	if !strings.Contains(got, "runsc-provisioner uninstall") || !strings.Contains(got, daemonJSON+" names "+store) {
		t.Errorf("got %s, want a warning", got)
	}
	works("purged while Docker uses a release")
	h.run("test -s /var/lib/runsc-provisioner/before.json && test ! -e /etc/runsc-provisioner")

	h.run("dpkg -i " + debPath(nextVersion))
	h.run("docker rm -f web; runsc-provisioner uninstall --purge")
	if got := h.exit(0, "dpkg --purge runsc-provisioner").Stderr; strings.Contains(got, "runsc-provisioner: ") {
		t.Errorf("got %s, want no warning", got)
	}
	h.nothingOfOurs()
}

// staysForBuilds fails the test if dpkg removes the program while builds of Docker go through it.
func (h host) staysForBuilds() {
	h.t.Helper()
	script := string(buildkit.Script("/usr/bin/runsc-provisioner", buildkit.Runsc{Path: link}))
	dropIn := "/etc/systemd/system/docker.service.d/50-runsc-provisioner-builds.conf"
	for path, text := range map[string]string{store + "/builds/runc": script, dropIn: "[Service]\n"} {
		h.run("mkdir -p " + filepath.Dir(path))
		if err := os.WriteFile(h.Path(path), []byte(text), 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
	if got := h.exit(1, "dpkg -r runsc-provisioner").Stderr; !strings.Contains(got, "builds") {
		h.t.Errorf("got %s, want the reason", got)
	}
	h.serves(nextVersion)
	h.run("systemctl is-enabled runsc-provisioner && dpkg --audit && rm -r " + store + "/builds " + filepath.Dir(dropIn))
}

// nothingOfOurs fails the test if a file of this project is on the host, besides those of the lab.
func (h host) nothingOfOurs() {
	h.t.Helper()
	got := h.run("find / -xdev \\( -path /proc -o -path /sys -o -path /root -o -path /var/lib/docker" +
		" -o -name 'runsc-provisioner-lab*' \\) -prune -o \\( -iname '*runsc*' -o -iname '*gvisor*' \\) -print")
	if got != "" {
		h.t.Errorf("left behind: %s", got)
	}
	if h.read(daemonJSON) != userJSON {
		h.t.Errorf("daemon.json is %s", h.read(daemonJSON))
	}
	if got := h.run("docker run --rm " + lab.Image + " uname -r"); strings.Contains(got, "gvisor") {
		h.t.Errorf("a container still sees the kernel %s", got)
	}
}

// In the build of an image, systemd does not run, or is not there at all.
func withoutSystemd(t *testing.T, h host) {
	t.Helper()
	for name, hide := range map[string]string{
		"not booted": "mount -t tmpfs none /run/systemd",
		"missing": "mount -t tmpfs none /run/systemd && mount --bind /dev/null /usr/bin/systemctl" +
			" && mount --bind /dev/null /usr/bin/deb-systemd-invoke",
	} {
		got := h.exit(0, "unshare --mount sh -ec '"+hide+`
			dpkg -i `+debPath(firstVersion)+`; dpkg -i `+debPath(nextVersion)+`
			ln -s /usr/lib/systemd/system/runsc-provisioner.service /etc/systemd/system/multi-user.target.wants/
			dpkg -r runsc-provisioner; dpkg --purge runsc-provisioner'`)
		if strings.Contains(got.Stderr, "runsc-provisioner: ") || strings.Contains(got.Stderr, "error") {
			t.Errorf("%s: %s", name, got.Stderr)
		}
		h.notEnabled(name)
	}
	h.run("systemctl daemon-reload && test ! -e /var/lib/runsc-provisioner")
}
