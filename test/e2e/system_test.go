package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// fromPackage is the configuration of a host whose gVisor is a package of the distribution.
const fromPackage = asDefault + "[release]\nsource = \"system\"\n"

// byDpkg makes dpkg install the real programs of a release.
func (h host) byDpkg(version string) {
	h.t.Helper()
	deb := filepath.Join("/root", version+".deb")
	if err := os.WriteFile(h.Path(deb), h.Deb(h.t, version), 0o644); err != nil {
		h.t.Fatal(err)
	}
	h.run("dpkg --install " + deb)
}

// asInstalled fails the test unless dpkg finds its files as it installed them.
func (h host) asInstalled(when string) {
	h.t.Helper()
	if got := h.run("dpkg --verify runsc"); got != "" {
		h.t.Errorf("%s: dpkg finds changes: %s", when, got)
	}
}

func TestSystem_ThePackageDecides(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: fromPackage}}})
	h.exit(78, "runsc-provisioner apply")
	h.run("test ! -e " + daemonJSON + " && test -z \"$(ls " + store + "/system)\"")

	h.byDpkg(older)
	h.run("runsc-provisioner apply")
	h.uses("adopted", release.SystemRunsc)
	h.run("docker run -d --name before " + lab.Image + " sleep 600 && test ! -e /usr/local/bin/runsc")
	if got := h.run("runsc-provisioner verify --deep"); !strings.Contains(got, "trust package") {
		t.Errorf("got %s, want the trust", got)
	}
	if got := h.run("runsc-provisioner status && runsc-provisioner apply"); !strings.Contains(got, "nothing to do") {
		t.Errorf("got %s, want nothing to do", got)
	}

	// dpkg upgrades under the daemon: no reload is needed, and the sandbox that runs is known still.
	h.run("systemctl start runsc-provisioner")
	h.enforced()
	starts := h.starts()
	both := map[string]string{"before": older, "after": newer}
	h.byDpkg(newer)
	h.awaits("at what dpkg installed", func(s status.Status) bool { return s.Release == newer && s.State == status.StateEnforced })
	h.run("docker run -d --name after " + lab.Image + " sleep 600")
	h.sandboxed("upgraded", 0, both)
	if h.starts() != starts {
		t.Error("dockerd was started again")
	}

	// A file that dpkg did not install is never used, and never replaced.
	h.run("cd /usr/bin/gvisor-bin && cp gvisor_sentry other && printf x >>other && mv other gvisor_sentry")
	h.awaits("at a changed file", func(s status.Status) bool { return s.State != status.StateEnforced })
	h.neverRefused()
	h.run("systemctl stop runsc-provisioner")
	h.exit(2, "runsc-provisioner verify")
	h.exit(65, "runsc-provisioner apply")
	h.byDpkg(newer)
	h.run("runsc-provisioner apply && runsc-provisioner verify --deep")
	h.exit(78, "runsc-provisioner rollback")
	h.exit(78, "runsc-provisioner bundle create /root/bundle")
	h.exit(78, "runsc-provisioner apply --url https://releases.lab/gvisor/releases")
	h.asInstalled("used")

	// Back to releases of its own: the package stays as it is, also where the link would be.
	h.run("printf '" + strings.ReplaceAll(asDefault, "\n", "\\n") + "[release]\\nsource = \"gvisor\"\\n[paths]\\nlink = \"/usr/bin/runsc\"\\n' >" + ownConfig)
	h.run("runsc-provisioner apply && runsc-provisioner apply")
	h.uses("released", store+"/"+newer+"/runsc")
	h.sandboxed("beside releases", 1, both) // of the link
	h.run("docker rm -f before after && until runsc-provisioner apply && test -z \"$(ls " + store + "/system)\"; do sleep 0.1; done")
	h.asInstalled("beside releases")
}
