package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// editors are the ways in which programs save a file. Each ends with "debug": false and with neither a runtime
// nor a default. $f is daemon.json, $new has the new text.
var editors = map[string]string{
	"in place":                "cat $new > $f",
	"truncated, then written": ": > $f; cat $new > $f",
	"nano":                    "exec 3<>$f; cat $new >&3; truncate -s $(stat -c %s $new) $f; exec 3>&-",
	"vim, a backup by rename": "mv $f $f~; cat $new > $f; chmod 644 $f; rm $f~",
	"sed -i, a rename over":   "cp $new /etc/docker/sedXYZ; mv /etc/docker/sedXYZ $f",
	"deleted and created":     "rm $f; cp $new $f",
	"directory replaced":      "mkdir /etc/docker.new; cp $new /etc/docker.new/daemon.json; mv /etc/docker /etc/docker.old; mv /etc/docker.new /etc/docker",
	"directory created again": "rm -rf /etc/docker; mkdir /etc/docker; cp $new $f",
	"another mode and group":  "cat $new > $f; chown 0:33 $f; chmod 640 $f",
}

func TestFault_R01_EveryWayToSaveAFile(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h = host{h.Host, t}
		h.keep(asDefault + "[enforce]\ncontested_after = 1000\n")
		for name, save := range editors {
			t.Run(name, func(t *testing.T) {
				h := host{h.Host, t}
				h.repaired("f="+daemonJSON+"; new=/root/new; printf '{\\n\\t\"debug\": false\\n}\\n' > $new; "+save, "runtimes.runsc", "default-runtime")
				h.wantsRunsc()
				if got := h.read(daemonJSON); !strings.HasPrefix(got, "{\n\t\"debug\": false,\n\t\"runtimes\"") {
					t.Errorf("got %s, want the edit kept in its own style", got)
				}
			})
		}
		if got := h.run("stat -c '%u:%g %a' " + daemonJSON); got == "" {
			t.Error("no daemon.json")
		}
	})
}

// keep starts the daemon on a running host.
func (h host) keep(config string) {
	h.t.Helper()
	h.run("cat > " + ownConfig + " <<'EOF'\n" + config + "EOF\nsystemctl start runsc-provisioner")
	h.enforced()
	h.t.Cleanup(h.neverRefused)
}

func TestFault_R01_DeletedAndEmptied(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault+"[enforce]\ncontested_after = 1000\n")
	for change, item := range map[string]string{
		"rm " + daemonJSON:                "default-runtime",
		"rm -rf /etc/docker":              "default-runtime",
		": > " + daemonJSON:               "default-runtime",
		"mv /etc/docker /etc/docker.away": "default-runtime",
		"echo '{\"default-runtime\": \"runc\"}' > " + daemonJSON: "default-runtime",
		"echo '{\"runtimes\": {\"runsc\": {\"path\": \"/bin/true\"}}, \"default-runtime\": \"runsc\"}' > " + daemonJSON + "; systemctl reload docker": "runtimes.runsc",
	} {
		h.repaired(change, item)
		h.wantsRunsc()
	}
	if got := h.starts(); got != 1 {
		t.Errorf("got %d starts of Docker, want 1: none of ours", got)
	}
}

func TestFault_R01_DockerdAlone(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	// The file is right again before the daemon looks, but dockerd has loaded the other one.
	h.run("systemctl stop runsc-provisioner; cp -p " + daemonJSON + " /root/right; echo '{\"default-runtime\":\"runc\"}' > " + daemonJSON + "; systemctl reload docker; cp -p /root/right " + daemonJSON)
	h.run("systemctl start runsc-provisioner")
	h.awaits("dockerd repaired", func(s status.Status) bool { return s.Counts.Repairs["dockerd"] == 1 && s.State == status.StateEnforced })
	h.wantsRunsc()
}

func TestFault_R01_AnImmutableFileIsReported(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	h.run("echo '{}' > /root/new; systemctl stop runsc-provisioner; cp /root/new " + daemonJSON + "; chattr +i " + daemonJSON + "; systemctl start runsc-provisioner")
	h.awaits("failing", func(s status.Status) bool {
		return s.State == status.StateFailing && strings.Contains(s.Error, "immutable")
	})
	if got := h.read(daemonJSON); got != "{}\n" {
		t.Errorf("got %q, want it left alone", got)
	}
	h.repaired("chattr -i "+daemonJSON, "default-runtime")
	h.wantsRunsc()
}

func TestFault_R02_AHalfWrittenFileIsLeftAlone(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	inode := func() string { return h.run("stat -c %i " + daemonJSON) }

	// Closed, and cut short.
	h.run(`printf '{"debug": fal' > ` + daemonJSON)
	before := inode()
	s := h.awaits("failing", func(s status.Status) bool { return s.State == status.StateFailing })
	if !strings.Contains(s.Error, daemonJSON) {
		t.Errorf("got the error %q, want it to name the file", s.Error)
	}
	if got := h.read(daemonJSON); got != `{"debug": fal` || inode() != before {
		t.Errorf("got %q, want it left alone", got)
	}
	h.repaired(`printf 'se}' >> `+daemonJSON, "default-runtime")
	h.wantsRunsc()

	// Its writer holds it open: its text so far may even be complete.
	fifo := h.began(`exec 3> ` + daemonJSON + `; printf '{}' >&3; mkfifo /root/go /root/on; read x < /root/go; printf '\n' >&3; echo >/root/on; exec 3>&-`)
	h.awaits("failing because of a writer", func(s status.Status) bool { return strings.Contains(s.Error, "open for writing") })
	if got := h.read(daemonJSON); got != "{}" {
		t.Errorf("got %q, want it left alone while its writer has it open", got)
	}
	h.run("echo > /root/go; read x < /root/on")
	<-fifo
	h.enforced()
	h.wantsRunsc()
}

func TestFault_R03_TheReleaseIsRestored(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault+"[enforce]\ncontested_after = 1000\n")
	if err := h.StopReleases(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := store + "/" + newer
	sums := "cd " + dir + " && sha256sum $(find . -type f -not -name manifest.json | sort)"
	want := h.run(sums)
	sentry := dir + "/gvisor-bin/gvisor_sentry"
	// Written in place while nothing runs from it; later the kernel refuses that.
	h.repaired("printf X | dd of="+sentry+" bs=1 seek=5000 conv=notrunc", "release")
	if got := h.run(sums); got != want {
		t.Errorf("one byte of the sentry in place: got %s\nwant %s", got, want)
	}
	h.run("docker run -d --name box " + lab.Image + " sleep 600")
	for name, change := range map[string]string{
		// A running file cannot be written, but it can be replaced by another copy.
		"one byte of the sentry":               "cp -p " + sentry + " /root/s; printf X | dd of=/root/s bs=1 seek=5000 conv=notrunc; mv /root/s " + sentry,
		"one byte, size and time as they were": "cp -p " + sentry + " /root/s; printf X | dd of=/root/s bs=1 seek=5000 conv=notrunc; touch -r " + sentry + " /root/s; mv /root/s " + sentry,
		"in place, size and time as they were": "cp -p " + dir + "/containerd-shim-runsc-v1 /root/r; printf X | dd of=" + dir + "/containerd-shim-runsc-v1 bs=1 seek=5000 conv=notrunc; touch -r /root/r " + dir + "/containerd-shim-runsc-v1",
		"runsc deleted":                        "rm " + dir + "/runsc",
		"runsc unreadable":                     "chmod 000 " + dir + "/runsc",
		"a file too many":                      "touch " + dir + "/gvisor-bin/other",
		"manifest gone":                        "rm " + dir + "/manifest.json",
		"the whole release":                    "rm -rf " + dir,
	} {
		t.Run(name, func(t *testing.T) {
			h := host{h.Host, t}
			h.repaired(change, "release")
			if got := h.run(sums); got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
			h.wantsRunsc()
			h.run("docker exec box uname -r | grep gvisor && docker run --rm " + lab.Image + " uname -r | grep gvisor")
		})
	}
	h.repaired("rm "+link, "link")
	h.repaired("ln -sfn "+store+"/20200101.0/runsc "+link, "link")
	if got := h.run("readlink " + link); got != dir+"/runsc" {
		t.Errorf("link: got %s", got)
	}
}

// A loop like Ansible's puts its own text back whenever it is missing.
const revertLoop = `echo '{"debug":true}' > /root/theirs; for i in $(seq 3000); do cmp -s /root/theirs ` + daemonJSON + ` || { cp /root/theirs ` + daemonJSON + `; echo x >> /root/reverts; }; sleep 0.05; done`

func TestFault_R04_ContestedIsLeftAlone(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.keep(asDefault + "[enforce]\ncontested_after = 4\ncontested_window = \"1h\"\n")
		loop := h.began(revertLoop)
		s := h.awaits("contested", func(s status.Status) bool { return s.State == status.StateContested })
		// A contested item stays as the other program wrote it, however long the loop runs.
		h.looked()
		if got := h.read(daemonJSON); got != "{\"debug\":true}\n" {
			t.Errorf("got %s, want theirs", got)
		}
		items := map[string]int{}
		for _, c := range s.Contested {
			items[c.Item] = len(c.Reverts)
			if c.Reverts[0].Got != "absent" {
				t.Errorf("%s: got the foreign value %q, want absent", c.Item, c.Reverts[0].Got)
			}
		}
		if items["default-runtime"] != 4 || items["runtimes.runsc"] != 4 {
			t.Errorf("got %v contested, want both after 4 times", items)
		}
		says(t, h.exit(4, "runsc-provisioner status"), "contested", "default-runtime", "absent")
		if got := h.run("journalctl -u runsc-provisioner RUNSC_KIND=contested -o cat --no-pager"); !strings.Contains(got, "default-runtime") {
			t.Errorf("journal: got %q", got)
		}
		h.run("pkill -f '[r]oot/theirs' || true")
		<-loop
		// A person decides.
		h.run("runsc-provisioner apply")
		h.enforced()
		h.wantsRunsc()
	})
}

func TestFault_R05_TheQueueOverflows(t *testing.T) {
	// The daemon is stopped while the queue fills up, and a busy machine needs longer for that than the watchdog waits.
	patient := lab.File{Content: "[Service]\nWatchdogSec=0\n"}
	h := kept(t, lab.Options{Files: map[string]lab.File{"/etc/systemd/system/runsc-provisioner.service.d/50-lab.conf": patient}}, asDefault)
	h.run(`systemctl kill -s STOP runsc-provisioner
i=0; while [ $i -lt 9000 ]; do : > /etc/docker/a; rm /etc/docker/a; i=$((i+1)); done
echo '{"debug":true}' > ` + daemonJSON)
	h.repaired("systemctl kill -s CONT runsc-provisioner", "default-runtime")
	h.wantsRunsc()
	// Everything is watched as before.
	h.repaired("rm -rf /etc/docker", "default-runtime")
}

func TestFault_R06_TheNetworkIsDown(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	if err := h.StopReleases(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The configuration asks for another release, which cannot be fetched.
	h.run("sed -i '1i [release]\\nversion = \"" + older + "\"' " + ownConfig)
	s := h.awaits("held", func(s status.Status) bool { return s.State == status.StateHeld })
	if len(s.Held) != 1 || !strings.Contains(s.Held[0].What, older) {
		t.Errorf("got %+v held, want the release", s.Held)
	}
	before := s.Counts.Repairs["default-runtime"]
	h.run("rm " + daemonJSON)
	h.awaits("enforced without network", func(s status.Status) bool { return s.Counts.Repairs["default-runtime"] > before })
	h.wantsRunsc()

	// The release is damaged and its archive is missing too: this is reported, and the rest is enforced.
	h.run("sed -i 's/^version.*/version = \"" + newer + "\"/' " + ownConfig + "; rm -rf " + store + "/.archive; rm " + store + "/" + newer + "/runsc")
	h.awaits("held, for the damage", func(s status.Status) bool {
		return s.State == status.StateHeld && strings.Contains(fmt.Sprint(s.Held), "damaged")
	})
	if got := h.run("systemctl is-active runsc-provisioner"); got != "active" {
		t.Errorf("got %s, want it to go on", got)
	}
}

func TestFault_R07_DockerGoesAndComesBack(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault+"[enforce]\nmax_disruption = \"restart\"\n")
	waits := func(s status.Status) bool { return s.State == status.StateWaiting }
	started := h.starts()

	h.run("systemctl restart docker")
	h.enforced()
	h.run("kill -9 $(systemctl show -p MainPID --value docker)")
	h.awaits("back", func(s status.Status) bool {
		return s.State == status.StateEnforced && h.run("systemctl is-active docker || true") == "active"
	})

	// dockerd crashes in a loop while the host drifts.
	h.run("mkdir -p /etc/systemd/system/docker.service.d; printf '[Service]\\nExecStartPre=/bin/false\\n' > /etc/systemd/system/docker.service.d/99-crash.conf; systemctl daemon-reload; systemctl restart docker || true")
	h.run("until [ $(systemctl is-active docker) = failed ]; do sleep 0.05; done")
	h.awaits("waiting", waits)
	n := h.starts()
	h.run("rm " + daemonJSON)
	h.looked()
	if got := h.starts(); got != n {
		t.Errorf("got %d starts of Docker, want %d: none of ours", got, n)
	}
	h.run("rm /etc/systemd/system/docker.service.d/99-crash.conf; systemctl daemon-reload; systemctl reset-failed docker docker.socket; systemctl start docker.socket docker")
	h.enforced()
	h.wantsRunsc()
	if got := h.starts(); got < started {
		t.Errorf("got %d starts", got)
	}
	h.repaired("rm "+daemonJSON, "default-runtime")
}

func TestFault_R08_OwnWritesMakeNoSecondRound(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	before := h.status()
	after := h.repaired("rm "+daemonJSON, "default-runtime")
	if got := after.Counts.Looks - before.Counts.Looks; got != 1 {
		t.Errorf("got %d rounds for one drift, want 1", got)
	}
	// The container's event comes after all events of the repair.
	h.run("docker run -d --name box " + lab.Image + " sleep 600")
	s := h.awaits("counting a container", func(s status.Status) bool { return s.Containers.Sandboxed == 1 })
	if got := s.Counts.Looks - before.Counts.Looks; got != 1 {
		t.Errorf("got %d rounds in the end, want 1", got)
	}
	if s.Counts.Reloads-before.Counts.Reloads != 1 {
		t.Errorf("got %d reloads, want 1", s.Counts.Reloads-before.Counts.Reloads)
	}
}

func TestFault_R09_OurOwnConfigIsLost(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	right := h.read(ownConfig)
	for name, change := range map[string]string{
		"deleted":            "rm " + ownConfig,
		"directory deleted":  "rm -rf /etc/runsc-provisioner",
		"half-written":       "printf '[docker]\\ndefault_runt' > " + ownConfig,
		"unknown key":        "printf '[docker]\\ndefault_runtime = \"runsc\"\\nno = 1\\n' > " + ownConfig,
		"asks for less":      "printf '[docker]\\n' > " + ownConfig,
		"emptied":            ": > " + ownConfig,
		"refused, not valid": "printf '[docker]\\ndefault_runtime = \"other\"\\n' > " + ownConfig,
	} {
		t.Run(name, func(t *testing.T) {
			h := host{h.Host, t}
			h.run("cp -rp /etc/runsc-provisioner /root/saved")
			h.run(change)
			h.awaits("keeping the last good one", func(s status.Status) bool { return s.ConfigKept != "" })
			before := h.status().Counts.Repairs["default-runtime"]
			h.run("rm " + daemonJSON)
			h.awaits("enforced anyway", func(s status.Status) bool { return s.Counts.Repairs["default-runtime"] > before })
			h.wantsRunsc()
			// Also after a restart of the daemon.
			h.run("systemctl restart runsc-provisioner")
			h.awaits("keeping it still", func(s status.Status) bool { return s.State == status.StateEnforced && s.ConfigKept != "" })
			says(t, h.exit(4, "runsc-provisioner status"), "last good")
			h.run("rm -rf /etc/runsc-provisioner; mv /root/saved /etc/runsc-provisioner")
			h.awaits("following the files", func(s status.Status) bool { return s.State == status.StateEnforced && s.ConfigKept == "" })
		})
	}
	if got := h.read(ownConfig); got != right {
		t.Errorf("got %q, want our own files never written by the daemon", got)
	}
	// A person explicitly stops managing it.
	h.run("rm " + ownConfig)
	h.awaits("keeping the last good one", func(s status.Status) bool { return s.ConfigKept != "" })
	h.exit(4, "runsc-provisioner apply")
	if s := h.looked(); s.ConfigKept == "" || s.Wanted.DefaultRuntime != "runsc" {
		t.Errorf("after apply alone: got %+v wanted, kept %q", s.Wanted, s.ConfigKept)
	}
	h.run("runsc-provisioner apply --give-up")
	h.awaits("following the files", func(s status.Status) bool { return s.ConfigKept == "" && s.Wanted.DefaultRuntime == "" })
}

func TestFault_R10_AProofThatHoldsIsNotRepeated(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	since := h.run("date +%s.%N")
	h.repaired("echo '{\"debug\":true}' > "+daemonJSON, "runtimes.runsc", "default-runtime")
	events := h.run("docker events --since " + since + " --until $(date +%s.%N) --format '{{.Type}} {{.Action}}'")
	if got := strings.Count(events, "daemon reload"); got != 1 || strings.Contains(events, "container") {
		t.Errorf("got the events %q, want one reload and no container", events)
	}
}

func TestStepsBeyondMaxDisruptionAreHeld(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault+"[enforce]\nmax_disruption = \"reload\"\n")
	h.run("sed -i 's/^default_runtime.*/&\\nuserns_remap = \"default\"/' " + ownConfig)
	s := h.awaits("held", func(s status.Status) bool { return s.State == status.StateHeld })
	if len(s.Held) != 1 || !strings.Contains(s.Held[0].What, "userns-remap") || !strings.Contains(s.Held[0].Why, "max_disruption") {
		t.Errorf("got %+v held", s.Held)
	}
	if strings.Contains(h.read(daemonJSON), "userns-remap") {
		t.Error("a held change was written")
	}
	// With none, not even a reload is made.
	h.run("sed -i 's/^userns_remap.*//; s/^max_disruption.*/max_disruption = \"none\"/' " + ownConfig + "; runsc-provisioner apply --give-up")
	h.enforced()
	h.run("echo '{}' > " + daemonJSON)
	h.awaits("held, even a reload", func(s status.Status) bool {
		return s.State == status.StateHeld && strings.Contains(fmt.Sprint(s.Held), "reload")
	})
	if got := h.read(daemonJSON); got != "{}\n" {
		t.Errorf("got %q, want it left", got)
	}
}

func TestOurRestartIsMadeOnce(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault+"[enforce]\nmax_disruption = \"restart\"\n")
	h.run("docker rmi " + lab.Image) // a switch hides nothing then
	h.run("sed -i 's/^default_runtime.*/&\\nuserns_remap = \"default\"/' " + ownConfig)
	s := h.awaits("remapped", func(s status.Status) bool { return s.State == status.StateEnforced && s.Wanted.UsernsRemap != "" })
	if s.Counts.Restarts != 1 || h.starts() != 2 {
		t.Errorf("got %d restarts of %d starts, want 1 of 2", s.Counts.Restarts, h.starts())
	}
	// The next restart must wait.
	h.run("sed -i 's/^userns_remap.*/userns_remap = \"off\"/' " + ownConfig)
	s = h.awaits("held", func(s status.Status) bool { return s.State == status.StateHeld })
	if !strings.Contains(s.Held[0].Why, "restarted at") {
		t.Errorf("got %+v", s.Held)
	}
}

func TestContainersThatStartOutside(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	h.run("docker run -d --name in " + lab.Image + " sleep 600; docker run -d --name out --runtime=runc " + lab.Image + " sleep 600")
	s := h.awaits("counting both", func(s status.Status) bool {
		return s.Containers.Sandboxed == 1 && len(s.Containers.Strays) == 1 && s.Counts.Unsandboxed == 1
	})
	if got := s.Containers.Strays[0]; got.Name != "out" || got.Allowed {
		t.Errorf("got %+v, want out", got)
	}
	entry := h.run("journalctl -u runsc-provisioner RUNSC_KIND=unsandboxed -o json --no-pager")
	var fields map[string]any
	if err := json.Unmarshal([]byte(entry), &fields); err != nil {
		t.Fatal(err)
	}
	if fields["RUNSC_CONTAINER_NAME"] != "out" || fields["MESSAGE_ID"] == nil || fields["PRIORITY"] != "3" {
		t.Errorf("got the entry %v", fields)
	}
	// Allowed by its digest.
	digest := h.run("docker inspect -f '{{.Image}}' out")
	h.run("docker rm -f out; printf '[enforce]\\nunsandboxed = \"stop\"\\nallow_images = [\"" + digest + "\"]\\n' >> " + ownConfig)
	h.awaits("reconfigured", func(s status.Status) bool { return len(s.Containers.Strays) == 0 })
	h.looked()
	h.run("docker run -d --name allowed --runtime=runc " + lab.Image + " sleep 600")
	h.awaits("aware of it", func(s status.Status) bool { return s.Containers.Outside == 1 && s.Counts.Unsandboxed == 1 })

	// Another image is stopped, even under the same name.
	h.run("docker commit in other >/dev/null; docker rm -f allowed; docker run -d --name stray --runtime=runc --restart=always other sleep 600")
	s = h.awaits("one stopped", func(s status.Status) bool { return s.Counts.Stopped == 1 })
	if got := h.run("docker inspect -f '{{.State.Running}}' stray; docker inspect -f '{{.State.Running}}' in"); got != "false\ntrue" {
		t.Errorf("got %q running, want stray stopped and in running", got)
	}
	if s.Counts.Unsandboxed != 2 {
		t.Errorf("got %d unsandboxed starts, want 2", s.Counts.Unsandboxed)
	}
}

func TestTheDaemonAndApplyTakeTurns(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault)
	for _, name := range []string{older, newer, older} {
		h.run("runsc-provisioner apply --allow-downgrade --release " + name)
		s := h.awaits("enforced as apply configured it", func(s status.Status) bool { return s.State == status.StateEnforced && s.Release == name })
		if n := s.Counts.Drifts[config.ItemRelease] + s.Counts.Drifts["default-runtime"]; n != 0 {
			t.Errorf("got the drifts %v, want changes of apply not counted as drift", s.Counts.Drifts)
		}
	}
}

// systemd refuses inotify_init1(2) to the unit as the kernel does once a user has no instance left. To use them all
// up would disturb the machine.
func TestFault_X16_TheTimerAloneNoticesDrift(t *testing.T) {
	onEach(t, lab.Options{Files: map[string]lab.File{
		ownConfig: {Content: asDefault + "[enforce]\ninterval = \"1s\"\n"},
		"/etc/systemd/system/runsc-provisioner.service.d/60-no-inotify.conf": {Content: "[Service]\nSystemCallFilter=~inotify_init1:EMFILE\n"},
	}}, func(t *testing.T, h host) {
		h.run("systemctl start runsc-provisioner")
		if s := h.enforced(); s.Unwatched == "" {
			t.Errorf("got %+v, want it to say that files cannot be watched", s)
		}
		pid := h.run("systemctl show -p MainPID --value runsc-provisioner")
		h.repaired("echo '{}' > "+daemonJSON, "default-runtime")
		h.wantsRunsc()
		if got := h.run("systemctl show -p MainPID -p NRestarts --value runsc-provisioner | tr '\\n' ' '"); got != pid+" 0" && got != "0 "+pid {
			t.Errorf("got process and restarts %s, want %s and 0", got, pid)
		}
		if got := h.run("journalctl -u runsc-provisioner -o cat --no-pager | grep -c 'files cannot be watched'"); got != "1" {
			t.Errorf("got %s lines about it, want 1", got)
		}
		h.run("rm -r /etc/systemd/system/runsc-provisioner.service.d; systemctl daemon-reload; systemctl restart runsc-provisioner")
		h.awaits("watching", func(s status.Status) bool { return s.State == status.StateEnforced && s.Unwatched == "" })
	})
}

// Containers that end as soon as they have started: a look comes too late for most of them.
func TestFault_X19_ContainersThatLiveForAMoment(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.keep(asDefault)
		h.loadImage()
		const each = 10
		// docker run --rm removes them at once.
		h.run(fmt.Sprintf("for i in $(seq %d); do docker run --rm --runtime=runc --name out$i %s true; docker run --rm %s true; done", each, lab.Image, lab.Image))
		// How many are looked at in time depends on the machine, and on a very busy one some are removed before
		// dockerd is asked about them. None may be missed.
		s := h.awaits("all counted", func(s status.Status) bool { return s.Counts.Unsandboxed+s.Counts.Brief.Unknown >= each })
		brief := s.Counts.Brief
		if s.Counts.Unsandboxed == 0 || s.Counts.Unsandboxed > each || brief.Outside > each || brief.Sandboxed > each {
			t.Errorf("got %+v, want %d that started outside", s.Counts, each)
		}
		told := h.run("journalctl -u runsc-provisioner -o cat --no-pager | grep -c 'outside a sandbox' || true")
		if told != strconv.FormatUint(s.Counts.Unsandboxed, 10) {
			t.Errorf("got %s lines about containers outside, want %d", told, s.Counts.Unsandboxed)
		}
	})
}
