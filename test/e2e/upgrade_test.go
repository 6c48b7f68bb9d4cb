package e2e

import (
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// upgrades configures the daemon to upgrade by itself, makes it read that, and waits until its status satisfies a
// condition.
func (h host) upgrades(settings, what string, is func(status.Status) bool) status.Status {
	h.t.Helper()
	h.run("printf '[release]\\nupgrade = \"auto\"\\n" + strings.ReplaceAll(settings, "\n", "\\n") + "' >/etc/runsc-provisioner/config.d/70-upgrade.toml")
	h.run("systemctl reload runsc-provisioner")
	return h.awaits(what, is)
}

// runs fails the test unless dockerd runs a release by default.
func (h host) runs(when, name string) {
	h.t.Helper()
	h.uses(when, store+"/"+name+"/runsc")
}

// uses fails the test unless dockerd runs a program by default.
func (h host) uses(when, path string) {
	h.t.Helper()
	if got, want := h.dockerHas(), "runsc "+path; got != want {
		h.t.Errorf("%s: dockerd has %s, want %s", when, got, want)
	}
}

// sandboxed fails the test unless verify ends with a code and has each container, by its name, in a sandbox of a
// release.
func (h host) sandboxed(when string, code int, releases map[string]string) {
	h.t.Helper()
	v := h.verify(code)
	for name, want := range releases {
		if state, got := v.container(h.t, name); state != "sandboxed" || got != want {
			h.t.Errorf("%s: %s: got %s, %s, want sandboxed, %s", when, name, state, got, want)
		}
	}
}

func TestUpgrade_ByTheDaemonAndBack(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: asDefault}}})
	repo := h.serveSigned(older, newer)
	repo.Publish(t, "release", time.Now().Add(-50*time.Minute), older)
	h.trustSigned(repo)
	h.run("runsc-provisioner apply")
	h.run("docker run -d --name before " + lab.Image + " sleep 600")
	h.run("systemctl start runsc-provisioner")
	h.enforced()

	repo.Publish(t, "release", time.Now().Add(-30*time.Minute), older, newer)
	s := h.upgrades("upgrade_after = \"24h\"\n", "waiting for the release to be out", func(s status.Status) bool { return s.Upgrade != nil && s.Upgrade.Result != "" })
	h.runs("out for too short a time", older)
	if !strings.Contains(s.Upgrade.Result, newer) || s.State != status.StateEnforced {
		t.Errorf("got %q, %+v, want the release that waits", s.Line, s.Upgrade)
	}
	now, err := time.Parse("15:04", h.run("date +%H:%M"))
	if err != nil {
		t.Fatal(err)
	}
	closed := now.Add(2*time.Hour).Format("15:04") + "-" + now.Add(3*time.Hour).Format("15:04")
	h.upgrades("upgrade_after = \"20m\"\nupgrade_window = \""+closed+"\"\n", "waiting for its window", func(s status.Status) bool { return s.Upgrade != nil && s.Upgrade.Result == "" })
	h.looked()
	h.runs("outside the window", older)
	open := now.Add(-time.Hour).Format("15:04") + "-" + now.Add(2*time.Hour).Format("15:04")
	h.upgrades("upgrade_after = \"20m\"\nupgrade_window = \""+open+"\"\n", "upgraded", func(s status.Status) bool { return s.Release == newer && s.State == status.StateEnforced })
	h.runs("inside the window", newer)
	h.run("docker run -d --name after " + lab.Image + " sleep 600")
	h.sandboxed("upgraded", 0, map[string]string{"before": older, "after": newer})

	// The way back needs no network, and the daemon does not fight it.
	h.run("systemctl stop signed")
	h.run("runsc-provisioner rollback")
	h.runs("rolled back", older)
	h.awaits("at the previous release", func(s status.Status) bool { return s.Release == older && s.State == status.StateEnforced })
	h.run("docker run -d --name back " + lab.Image + " sleep 600")
	h.looked()
	h.sandboxed("rolled back", 0, map[string]string{"before": older, "after": newer, "back": older})
	h.exit(1, "runsc-provisioner rollback")
	if got := h.run("runsc-provisioner plan --detailed-exitcode"); !strings.Contains(got, "nothing to do") {
		t.Errorf("rolled back: got %s", got)
	}
	if err := h.StartSigned(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.run("systemctl reload runsc-provisioner")
	h.awaits("told that there is no newer one", func(s status.Status) bool {
		return s.Upgrade != nil && !s.Upgrade.Next.IsZero() && s.Upgrade.Result == ""
	})
	h.looked()
	h.runs("asked again", older)
	h.neverRefused()

	h.run("systemctl stop runsc-provisioner && runsc-provisioner apply --upgrade")
	h.runs("asked for by a person", newer)
}

// runsc-fd-parking outlives its sandbox. The lab's is a stand-in.
func TestUpgrade_RemovesNoReleaseInUse(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: asDefault + "[release]\nkeep = 0\n"}}})
	h.run("runsc-provisioner apply --release " + older + " && docker run -d --name first " + lab.Image + " sleep 600")
	h.run("runsc-provisioner apply --release " + fiveSidecars)
	h.run("systemd-run --quiet --unit=parking sh -c 'sleep infinity | " + store + "/" + fiveSidecars + "/gvisor-bin/runsc-fd-parking'")
	h.run("until pgrep -f '^" + store + "/" + fiveSidecars + "/gvisor-bin/runsc-fd-parking'; do sleep 0.05; done")
	h.exit(65, "runsc-provisioner apply --release "+newer)
	h.run("runsc-provisioner apply --release " + newer + " --allow-downgrade && docker run -d --name second " + lab.Image + " sleep 600")
	has := func(when string, want ...string) {
		t.Helper()
		h.run("runsc-provisioner apply")
		if got := strings.Fields(h.run("ls " + store)); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: the store has %v, want %v", when, got, want)
		}
	}
	has("all run", older, newer, fiveSidecars)
	h.run("docker rm -f first && while pgrep -f '^" + store + "/" + older + "/'; do sleep 0.05; done")
	has("the first sandbox has ended", newer, fiveSidecars)
	h.run("systemctl stop parking")
	has("the sidecar has ended", newer)
	if got := h.run("docker exec second uname -r"); !strings.Contains(got, "gvisor") {
		t.Errorf("kernel inside: got %q, want gVisor's", got)
	}
}

// The daemon by itself, apply --release and a bundle hold a release that rejects an argument, as apply --upgrade does.
func TestNextRunsc_IsHeldOnEachWay(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: withoutVFS2}}})
	h.run("runsc-provisioner apply --once --release " + newer)
	h.run("runsc-provisioner apply --once --upgrade --url " + lab.NextURL + " && runsc-provisioner bundle create /root/next.bundle && runsc-provisioner rollback")
	h.runs("rolled back", newer)
	h.run("printf '[release]\\nurl = \"" + lab.NextURL + "\"\\n' >/etc/runsc-provisioner/config.d/70-next.toml")
	h.run("cat >" + ownConfig + " <<'END'\n" + withVFS2 + "END\nrunsc-provisioner apply")
	rejects(t, "apply --release", h.exit(4, "runsc-provisioner apply --once --format json --release "+lab.NextRelease).Stdout)
	h.runs("apply --release", newer)
	h.run("rm -rf " + store + "/" + lab.NextRelease + " " + store + "/.archive/" + lab.NextRelease)
	rejects(t, "apply --bundle", h.exit(4, "runsc-provisioner apply --once --format json --bundle /root/next.bundle").Stdout)
	h.runs("apply --bundle", newer)
	h.run("rm -rf " + store + "/" + lab.NextRelease + " " + store + "/.archive/" + lab.NextRelease)
	h.run("systemctl start runsc-provisioner")
	s := h.upgrades("", "held", func(s status.Status) bool { return s.State == status.StateHeld })
	holds(t, "the daemon", s.Held)
	h.runs("the daemon", newer)
	h.neverRefused()
}
