package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/lab"
)

// withVFS2 makes runsc the default, with an argument that the lab's releases accept and the next runsc rejects.
const (
	withVFS2    = asDefault + "[docker.runtimes.runsc]\nargs = [\"--ignore-cgroups\", \"--vfs2\"]\n"
	withoutVFS2 = asDefault + "[docker.runtimes.runsc]\nargs = [\"--ignore-cgroups\"]\n"
)

// toBeRemoved are arguments that gVisor has announced to reject, in several forms.
var toBeRemoved = []string{
	"-vfs2", "--fuse=true", "--lisafs", "-buffer-pooling=false", "--cgroupfs",
	"--sidecar-usage-policy=LEGACY_DEPRECATED_SLOW_EMBEDDED_FALLBACK",
}

// inUse is everything of Docker's that an upgrade would change.
type inUse struct{ DaemonJSON, MTime, Link, Dockerd, Reloads, Runtime, Box string }

// inUse describes Docker, with the reloads since the clock of the host was since.
func (h host) inUse(since string) inUse {
	h.t.Helper()
	s := h.snapshot()
	return inUse{
		DaemonJSON: s.DaemonJSON, MTime: s.MTime, Link: s.Link,
		Dockerd: s.Dockerd + h.run("systemctl show -p ExecMainStartTimestampMonotonic docker"),
		Reloads: h.run("docker events --since " + since + " --until $(date +%s.%N) --filter type=daemon"),
		Runtime: h.dockerHas(),
		Box:     h.run("docker inspect -f '{{.State.Running}} {{.State.StartedAt}} {{.State.Pid}}' box"),
	}
}

// rejects fails the test unless the held parts of a plan, in the JSON of plan or apply, are the next release
// for exactly the argument --vfs2.
func rejects(t *testing.T, what, text string) {
	t.Helper()
	var said struct{ Plan, Left struct{ Held []steps.Held } }
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Fatalf("%s: %v\n%s", what, err, text)
	}
	holds(t, what, append(said.Plan.Held, said.Left.Held...))
}

func holds(t *testing.T, what string, held []steps.Held) {
	t.Helper()
	if len(held) != 1 || held[0].What != "release "+lab.NextRelease || !slices.Equal(held[0].Arguments, []string{"--vfs2"}) {
		t.Errorf("%s: got %+v held, want release %s for --vfs2", what, held, lab.NextRelease)
	}
}

func TestNextRunsc_UpgradeNamesTheArgumentAndChangesNothing(t *testing.T) {
	o := lab.Options{Files: map[string]lab.File{ownConfig: {Content: withVFS2}}}
	onEach(t, o, func(t *testing.T, h host) {
		h.run("runsc-provisioner apply --once --release " + older)
		h.run(store + "/" + older + "/runsc " + strings.Join(toBeRemoved, " ") + " --version") // accepts them today
		h.run("docker run -d --name box " + lab.Image + " sleep 600")
		since := h.run("date +%s.%N")
		before := h.inUse(since)
		unchanged := func(after string) {
			t.Helper()
			if now := h.inUse(since); now != before {
				t.Errorf("after %s: Docker was touched\nbefore: %+v\nafter:  %+v", after, before, now)
			}
			dir, want := store+"/"+lab.NextRelease, "runsc version release-"+lab.NextRelease
			if got := h.run(dir + "/runsc --version | head -n 1; test -e " + dir + "/manifest.json"); got != want {
				t.Errorf("after %s: in the store: got %q, want %q", after, got, want)
			}
		}

		r := h.exit(4, "runsc-provisioner apply --upgrade --url "+lab.NextURL)
		says(t, r, "--vfs2", lab.NextRelease, "[docker.runtimes.runsc]", `version = "`+older+`"`)
		unchanged("apply --upgrade")

		// What follows needs no network.
		if err := h.StopReleases(t.Context()); err != nil {
			t.Fatal(err)
		}
		rejects(t, "plan", h.exit(4, "runsc-provisioner plan --detailed-exitcode --format json").Stdout)
		rejects(t, "apply again", h.exit(4, "runsc-provisioner apply --format json").Stdout)
		unchanged("apply again")
		says(t, h.exit(4, "runsc-provisioner status"), "--vfs2")
		v := h.verify(1)
		if state, release := v.container(t, "box"); state != "sandboxed" || release != older {
			t.Errorf("verify: got %s, %s, want sandboxed, %s", state, release, older)
		}
		for _, item := range v.Host {
			if (item.Status != "ok") != (item.Name == "release") {
				t.Errorf("verify: got %+v, want a warning for the release alone", item)
			}
		}

		h.run("systemctl start runsc-provisioner")
		held := func(s status.Status) bool { return s.State == status.StateHeld }
		holds(t, "the daemon's first round", h.awaits("held", held).Held)
		s := h.looked() // another round
		holds(t, "the daemon's next round", s.Held)
		if s.State != status.StateHeld || s.Counts.Failures != 0 || s.Counts.Reloads != 0 || s.Fetching != nil {
			t.Errorf("daemon: got %q, %+v, want it held without failures or downloads", s.Line, s.Counts)
		}
		if got := h.run("journalctl -u runsc-provisioner -o json --no-pager | grep -c 3f00c2ea589a2c5114938256fea00256"); got != "1" {
			t.Errorf("daemon: got it told %s times that the release is held, want once", got)
		}
		h.run("systemctl stop runsc-provisioner")
		unchanged("the daemon's rounds")

		h.run("cat >" + ownConfig + " <<'END'\n" + withoutVFS2 + "END")
		h.run("runsc-provisioner apply")
		if got, want := h.dockerHas(), "runsc "+store+"/"+lab.NextRelease+"/runsc"; got != want {
			t.Errorf("without the argument: dockerd has %s, want %s", got, want)
		}
		if got := h.read(daemonJSON); strings.Contains(got, "--vfs2") {
			t.Errorf("without the argument: got daemon.json %s", got)
		}
		h.run("docker run -d --name new " + lab.Image + " sleep 600")
		v = h.verify(0)
		for name, want := range map[string]string{"box": older, "new": lab.NextRelease} {
			if state, release := v.container(t, name); state != "sandboxed" || release != want {
				t.Errorf("%s: got %s, %s, want sandboxed, %s", name, state, release, want)
			}
		}
		if got := h.run("runsc-provisioner plan --detailed-exitcode"); !strings.Contains(got, "nothing to do") {
			t.Errorf("without the argument: got %s", got)
		}
	})
}

// The daemon, in its own unit, finds out by itself.
func TestNextRunsc_DaemonHoldsItOnce(t *testing.T) {
	pinned := func(version, url string) string {
		return "[release]\nversion = \"" + version + "\"\nurl = \"" + url + "\"\n"
	}
	h := kept(t, lab.Options{}, pinned(older, "https://"+lab.ReleaseHost+"/gvisor/releases")+withVFS2)
	h.run("docker run -d --name box " + lab.Image + " sleep 600")
	since := h.run("date +%s.%N")
	before := h.inUse(since)
	write := func(text string) { h.run("cat >" + ownConfig + " <<'END'\n" + text + "END") }
	write(pinned(lab.NextRelease, lab.NextURL) + withVFS2)
	s := h.awaits("held", func(s status.Status) bool { return s.State == status.StateHeld && s.Fetching == nil })
	holds(t, "the daemon", s.Held)
	if s.Counts.Failures != 0 {
		t.Errorf("got %d failures, want none", s.Counts.Failures)
	}
	if now := h.inUse(since); now != before {
		t.Errorf("Docker was touched\nbefore: %+v\nafter:  %+v", before, now)
	}
	rejects(t, "plan", h.exit(4, "runsc-provisioner plan --detailed-exitcode --format json").Stdout)
	write(pinned(lab.NextRelease, lab.NextURL) + withoutVFS2)
	if s := h.enforced(); s.Release != lab.NextRelease {
		t.Errorf("without the argument: got release %s, want %s", s.Release, lab.NextRelease)
	}
}

// With nothing registered, there is nothing to stay at.
func TestNextRunsc_FirstApplyFailsAndNamesEveryArgument(t *testing.T) {
	h := boot(t, lab.Options{})
	before := h.snapshot()
	flags := " --runtime-arg=--ignore-cgroups"
	for _, arg := range toBeRemoved {
		flags += " --runtime-arg=" + arg
	}
	r := h.exit(1, "runsc-provisioner apply --url "+lab.NextURL+flags)
	first, _, _ := strings.Cut(r.Stderr, "\n")
	if !strings.Contains(first, lab.NextRelease) || !strings.Contains(first, strings.Join(toBeRemoved, ", ")) || strings.Contains(first, "--ignore-cgroups") {
		t.Errorf("got %q, want the release and exactly the arguments %q", first, toBeRemoved)
	}
	h.run("rmdir " + store)
	h.untouched(before)
	h.run("runsc-provisioner apply --url " + lab.NextURL)
	h.run("docker run --rm --runtime=runsc " + lab.Image + " uname -r | grep gvisor")
}
