package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

const (
	// othersText is a daemon.json of another program, without our keys.
	othersText = `{"debug": false}`
	state      = "/var/lib/runsc-provisioner"

	// trialRuns is the instant at which a run's text is in daemon.json, its journal on disk, and the container runs
	// with which it proves a runtime through Docker.
	trialRuns = "RUNSC_FAILPOINT='trial: started' "
	// killed runs apply and kills it there.
	killed = trialRuns + "runsc-provisioner apply --once --release " + newer + " >/tmp/out 2>&1; [ $? = 137 ] && [ -e " + state + "/journal.json ] || { cat /tmp/out; exit 1; }"

	// limit restarts Docker until systemd lets it fail.
	limit = `for i in 1 2 3 4 5; do systemctl restart docker || break; done; systemctl is-failed docker`
)

// overwritten makes dockerd run with a runtime and a default that its file no longer has: apply loaded them, and
// another program then wrote its own text.
func (h host) overwritten(text string) {
	h.t.Helper()
	h.run("runsc-provisioner apply --default-runtime --release " + older)
	h.write(text)
}

func (h host) write(text string) {
	h.t.Helper()
	h.run("cat > " + daemonJSON + ".new <<'EOF'\n" + text + "\nEOF\nmv " + daemonJSON + ".new " + daemonJSON)
}

// recovered fails the test unless the next apply succeeds, the one after it finds nothing to do, and only other
// programs have started Docker.
func (h host) recovered(starts int) {
	h.t.Helper()
	h.run("runsc-provisioner apply --default-runtime --release " + newer)
	says(h.t, h.exit(0, "runsc-provisioner plan --detailed-exitcode"), "nothing to do")
	if got, want := h.dockerHas(), "runsc "+store+"/"+newer+"/runsc"; got != want {
		h.t.Errorf("dockerd: got %s, want %s", got, want)
	}
	if got := h.starts(); got != starts {
		h.t.Errorf("got %d starts of Docker, want %d", got, starts)
	}
	h.settled()
}

// No file restores dockerd's settings in memory once another program has restarted Docker in the middle of a
// run. The rollback wrote a default runtime without its definition, which dockerd refuses, and so did every
// later run.
func TestFault_X01_RestartedByAnotherProgramInTheMiddle(t *testing.T) {
	onEach(t, lab.Options{Binary: lab.BuildWithFailpoints(t)}, func(t *testing.T, h host) {
		h.overwritten(othersText)
		h.run("systemctl reset-failed docker docker.socket")
		starts := h.starts()
		t.Log(h.run(trialRuns + "RUNSC_FAILPOINT_DO='systemctl restart docker' runsc-provisioner apply --once --release " + newer + " 2>&1 || true"))
		h.recovered(starts + 1)
	})
}

// The same after the run was killed, with the old text put back by hand.
func TestFault_X01_KilledAndThenRestartedByAnotherProgram(t *testing.T) {
	h := bootWithFailpoints(t, lab.Options{})
	h.overwritten(othersText)
	h.run("systemctl reset-failed docker docker.socket")
	starts := h.starts()
	h.run(killed)
	h.write(othersText)
	h.run("systemctl restart docker")
	t.Log(h.exit(0, "runsc-provisioner apply --once --release "+newer))
	h.recovered(starts + 1)
}

// The file lacks the definition of its default runtime, so dockerd does not start. It stays down until the file
// is right, and apply does not start it, because apply did not stop it.
func TestFault_X01_StartLimitOfAnotherProgram(t *testing.T) {
	h := bootWithFailpoints(t, lab.Options{})
	h.overwritten(othersText)
	h.run("systemctl reset-failed docker docker.socket")
	h.run(killed)
	h.write(othersText)
	h.run(limit)
	starts := h.starts()
	r := h.exit(4, "runsc-provisioner apply --once --default-runtime --release "+newer)
	t.Log(r)
	if got := h.exit(3, "systemctl is-active docker").Stdout; strings.TrimSpace(got) != "failed" {
		t.Errorf("got docker.service %s, want it failed as it was", got)
	}
	h.run("systemctl reset-failed docker docker.socket; systemctl start docker")
	h.recovered(starts + 1)
}

// A data root in the file that was not loaded takes effect when another program restarts Docker. Recovery
// restarted Docker at each try, without consent and beyond max_disruption, and never succeeded.
func TestFault_X01_TheDaemonDoesNotRestartDockerToRecover(t *testing.T) {
	h := bootWithFailpoints(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: asDefault}}})
	const theirs = `{"data-root": "/var/lib/docker/other"}`
	h.overwritten(theirs)
	h.run("systemctl reset-failed docker docker.socket")
	starts := h.starts()
	h.run(killed)
	h.write(theirs)
	h.run("systemctl restart docker; systemctl start runsc-provisioner")
	s := h.awaits("done with the recovery", func(s status.Status) bool {
		return s.State == status.StateEnforced || s.Counts.Failures > 1
	})
	if s.State != status.StateEnforced || s.Counts.Restarts != 0 {
		t.Errorf("got %+v, want the host enforced and no restart", s)
	}
	h.run("systemctl stop runsc-provisioner")
	h.recovered(starts + 1)
}

// An impossible recovery is set aside for a person to read, and the plan starts from the host as observed: the
// same apply succeeds.
func TestFault_X01_ARecoveryThatFailsIsSetAside(t *testing.T) {
	h := bootWithFailpoints(t, lab.Options{})
	h.overwritten(othersText)
	h.run(killed)
	journal := state + "/journal.json"
	h.run(`cp ` + journal + ` /root/journal.json; sed -i 's/"schema_version": 1/"schema_version": 9/' ` + journal)
	h.exit(78, "runsc-provisioner apply --once --release "+newer)
	h.run("[ -e " + journal + ` ]; sed '/"target"/s,daemon.json,other.json,' /root/journal.json > ` + journal)
	r := h.exit(0, "runsc-provisioner apply --once --format json --release "+newer)
	var report struct {
		Changed  bool
		SetAside string `json:"set_aside"`
	}
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil || !report.Changed || !strings.Contains(report.SetAside, state+"/set-aside/") {
		t.Errorf("got %v, %v, want the directory of the recovery that was set aside", r, err)
	}
	if got := h.run("cat " + state + "/set-aside/*/daemon.json"); got != othersText {
		t.Errorf("got the copy %s, want %s", got, othersText)
	}
	recovery := func() (seen []string) {
		for _, command := range []string{"verify", "doctor", "status"} {
			r, err := h.Run(t.Context(), "runsc-provisioner", command, "--format", "json")
			if err != nil {
				t.Fatal(err)
			}
			var all struct {
				Host, Items []struct{ Name, Status string }
			}
			if err := json.Unmarshal([]byte(r.Stdout), &all); err != nil {
				t.Fatalf("%s: %v: %v", command, err, r)
			}
			for _, item := range append(all.Host, all.Items...) {
				if item.Name == "recovery" {
					seen = append(seen, command+" "+item.Status)
				}
			}
		}
		return seen
	}
	if got := strings.Join(recovery(), ", "); got != "verify warning, doctor warning, status warning" {
		t.Errorf("got %q, want all three to warn", got)
	}
	h.run("rm -r " + state + "/set-aside")
	if got := recovery(); got != nil {
		t.Errorf("removed: got %q, want none of them to warn", got)
	}
	h.recovered(1)
}

// Some changes can only be undone by a restart. They stay if the restart would stop a container without
// consent, and a run with consent undoes them.
func TestFault_X01_NoRestartToRecoverWithoutConsent(t *testing.T) {
	h := bootWithFailpoints(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime --release " + newer)
	text := h.read(daemonJSON)
	h.run(strings.Replace(killed, "apply --once", "apply --once --userns-remap --allow-restart --allow-hidden-data --migrate-images", 1))
	journal := state + "/journal.json"
	h.run(`sed -i 's/"pid"/"failed": true, "pid"/' ` + journal + `; rm -f ` + state + `/images*; cp ` + journal + ` /root/journal.json; cp -r ` + state + `/backup /root/`)
	h.LoadImage(t.Context())
	id := h.run("docker run -d --name precious --runtime=runc " + lab.Image + " sleep 1000")
	starts := h.starts()
	t.Log(h.exit(0, "runsc-provisioner apply --once"))
	if got := h.run("docker inspect -f '{{.State.Running}}' " + id + "; ls " + state + "/set-aside | wc -l"); got != "true\n1" || h.starts() != starts {
		t.Errorf("got %q and %d starts of Docker, want the container running, the recovery set aside, and %d", got, h.starts(), starts)
	}
	h.run("mv /root/journal.json " + journal + "; cp /root/backup/* " + state + "/backup/")
	t.Log(h.exit(0, "runsc-provisioner apply --once --allow-restart"))
	if got := h.run("docker info -f '{{.SecurityOptions}}'"); strings.Contains(got, "userns") || h.read(daemonJSON) != text || h.starts() != starts+1 {
		t.Errorf("got %s, %s and %d starts of Docker, want it as before the switch and %d", got, h.read(daemonJSON), h.starts(), starts+1)
	}
}
