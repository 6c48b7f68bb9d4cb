package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// itemsOf is the status of one item in all commands that look, such as "verify ok, doctor ok, status ok".
func (h host) itemsOf(name string) string {
	h.t.Helper()
	var seen []string
	for _, command := range []string{"verify", "doctor", "status"} {
		r, err := h.Run(h.t.Context(), "runsc-provisioner", command, "--format", "json")
		if err != nil {
			h.t.Fatal(err)
		}
		var all struct {
			Host, Items []struct{ Name, Status string }
		}
		if err := json.Unmarshal([]byte(r.Stdout), &all); err != nil {
			h.t.Fatalf("%s: %v: %v", command, err, r)
		}
		for _, item := range append(all.Host, all.Items...) {
			if item.Name == name {
				seen = append(seen, command+" "+item.Status)
			}
		}
	}
	return strings.Join(seen, ", ")
}

// A run was killed after it had restarted Docker with userns-remap: all images and containers were hidden, and plan,
// status, doctor and verify said that all was well. The same went for a journal that cannot be read (X11).
func TestFault_X01_AnUnfinishedChangeIsSeenByEveryCommand(t *testing.T) {
	h := bootWithFailpoints(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime --release " + newer)
	const (
		item    = "unfinished change"
		journal = state + "/journal.json"
	)
	looks := func(when, want string, plan, status, verify int) {
		t.Helper()
		if got := h.itemsOf(item); got != want {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
		if r := h.exit(plan, "runsc-provisioner plan --detailed-exitcode"); strings.Contains(r.Stdout, "matches the configuration") != (plan == 0) {
			t.Errorf("%s: got the plan %s", when, r.Stdout)
		}
		h.exit(status, "runsc-provisioner status")
		h.exit(verify, "runsc-provisioner verify")
	}
	const allCritical = "verify critical, doctor critical, status critical"
	looks("before", "", 0, 0, 0)

	// A stopped run still holds the lock.
	h.run(trialRuns + `RUNSC_FAILPOINT_DO='kill -STOP $PPID' runsc-provisioner apply --once --userns-remap --allow-restart --allow-hidden-data >/tmp/out 2>&1 & pid=$!; echo $pid >/tmp/pid
until grep -q '^State:.T' /proc/$pid/status; do kill -0 $pid || { cat /tmp/out; exit 1; }; done; [ -e ` + journal + ` ]`)
	looks("its run lives", "verify warning, doctor warning, status warning", 4, 69, 1)
	h.run("kill -9 $(cat /tmp/pid); while kill -0 $(cat /tmp/pid) 2>/dev/null; do :; done; cp " + journal + " /root/")
	looks("its run was killed", allCritical, 2, 1, 2)
	h.run("runsc-provisioner plan")
	// A user who may use Docker, and not read the journal, is told nothing false.
	h.exit(4, asMember+"runsc-provisioner plan --detailed-exitcode")
	h.exit(3, asMember+"runsc-provisioner verify")

	h.run("head -c 40 /root/journal.json >" + journal)
	looks("half", allCritical, 2, 1, 2)
	h.run("rm " + journal + "; mkfifo " + journal)
	looks("a FIFO", allCritical, 2, 1, 2)
	h.run(`rm ` + journal + `; sed 's/"schema_version": 1/"schema_version": 9/' /root/journal.json > ` + journal)
	looks("of a newer version", allCritical, 4, 1, 2)
	h.exit(78, "runsc-provisioner apply")
	h.run("mv /root/journal.json " + journal)
	says(t, h.exit(0, "runsc-provisioner apply"), "the change of a killed run")
	looks("settled", "", 0, 0, 0)

	// Without a daemon, lost ids are neither "enforced" nor unseen.
	h.run("runsc-provisioner apply --userns-remap --allow-restart --allow-hidden-data; sed -i /dockremap/d /etc/subuid /etc/subgid")
	says(t, h.exit(1, "runsc-provisioner status"), "drifted", "id ranges", "critical")
	if line, remedy := h.doctor(2, "", "subordinate ids"); !strings.Contains(line, "critical") || !strings.Contains(remedy, "apply") {
		t.Errorf("doctor: got %q, %q, want the lost ids critical, and apply", line, remedy)
	}
	h.run("runsc-provisioner apply && runsc-provisioner status")
}

// With Docker stopped or failed, plan and apply said that there is nothing to do, with 0: a maintenance timer
// reported success. The daemon waits, and does not count that as a failure.
func TestFault_X20_NothingIsConfirmedWhileDockerIsDown(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: asDefault}}})
	h.run("runsc-provisioner apply --release " + newer)
	down := func(want string) {
		t.Helper()
		for _, command := range []string{"apply", "plan --detailed-exitcode", "apply --allow-restart"} {
			r := h.exit(4, "runsc-provisioner "+command)
			if says(t, r, "held: docker.service"); strings.Contains(r.Stdout, "matches") || strings.Contains(r.Stdout, "done") {
				t.Errorf("%s: got %v", command, r)
			}
		}
		h.run("runsc-provisioner plan")
		h.exit(69, "runsc-provisioner status")
		if got := h.exit(3, "systemctl is-active docker").Stdout; strings.TrimSpace(got) != want {
			t.Errorf("got docker.service %s, want it %s", got, want)
		}
	}
	h.run("systemctl stop docker.socket docker.service")
	down("inactive")

	h.run("systemctl start runsc-provisioner")
	waiting := func(s status.Status) bool { return s.State == status.StateWaiting }
	h.awaits("waiting", waiting)
	h.looked()
	if s := h.awaits("waiting after a look", waiting); s.Counts.Failures != 0 || len(s.Held) != 0 {
		t.Errorf("got %+v, want no failure and nothing held", s)
	}
	if got := h.run("journalctl -u runsc-provisioner RUNSC_KIND=waiting -o cat --no-pager | wc -l; journalctl -u runsc-provisioner RUNSC_KIND=failed -o cat --no-pager | wc -l"); got != "1\n0" {
		t.Errorf("got %q notices that it waits and that it failed, want 1 and 0", got)
	}
	h.run("systemctl stop runsc-provisioner")

	h.run(`cp -p ` + daemonJSON + ` /root/right; sed -i '0,/{/s//{"bip":"10.0.0.300\/24",/' ` + daemonJSON + `; for i in 1 2 3 4; do systemctl restart docker; done; [ $(systemctl is-active docker) = failed ] && cp -p /root/right ` + daemonJSON)
	down("failed")
	// Nothing says whether the change of a damaged journal stopped Docker.
	h.run(": > " + state + "/journal.json")
	h.exit(70, "runsc-provisioner apply")
	down("failed")
	h.run("systemctl reset-failed docker docker.socket; systemctl start docker; rm -r " + state + "/set-aside")
	h.run("runsc-provisioner plan --detailed-exitcode && runsc-provisioner apply && runsc-provisioner status")
}
