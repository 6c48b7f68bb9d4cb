package e2e

import (
	"strings"
	"testing"
	"unicode/utf8"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// asNobody runs a command as a user who is not root, in no group.
const asNobody = "setpriv --reuid=65534 --regid=65534 --clear-groups "

func TestFault_X18_WhatPeopleTypeAndRead(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		const saved = "/etc/runsc-provisioner/config.d/50-apply.toml"
		hidden := func(code int, command string) lab.Result {
			t.Helper()
			r := h.exit(code, command)
			if strings.Contains(r.Stdout+r.Stderr, "hunter2") {
				t.Errorf("%s: got %v, want no password", command, r)
			}
			return r
		}
		secret := "https://reader:hunter2@" + lab.ReleaseHost + "/gvisor/releases"
		hidden(0, "runsc-provisioner apply -v --default-runtime runsc --url "+secret)
		if got := h.run("cat " + saved + "; stat -c %a " + saved); !strings.Contains(got, "default_runtime = 'runsc'") || !strings.HasSuffix(got, "\n600") {
			t.Errorf("got %s, want the runtime saved, for root only", got)
		}
		for _, command := range []string{
			"config show", "config show --format=json", "plan -v --upgrade", "plan --format=json", "apply --upgrade -v", "verify -v", "verify --format=json",
		} {
			hidden(0, "runsc-provisioner "+command)
		}
		hidden(0, "runsc-provisioner debug-bundle - | tar -xzO")

		// The daemon's summary is for every user, and has no secret.
		h.run("systemctl start runsc-provisioner")
		h.awaits("enforced", func(s status.Status) bool { return s.State == status.StateEnforced })
		for _, user := range []string{asNobody, asMember} {
			got := hidden(77, user+"runsc-provisioner status")
			if !strings.HasPrefix(got.Stdout, "enforced: gVisor "+newer) || !strings.Contains(got.Stdout, "sudo runsc-provisioner status") {
				t.Errorf("status of another user: got %v, want the summary, and how to see more", got)
			}
		}
		hidden(0, "runsc-provisioner status --format=json; cat /run/runsc-provisioner/status.json; journalctl -u runsc-provisioner; systemctl show runsc-provisioner")
		h.run("systemctl stop runsc-provisioner")
		if got := h.exit(77, asNobody+"runsc-provisioner status").Stdout; strings.Contains(got, "enforced") || !strings.Contains(got, "docker  active") {
			t.Errorf("status of another user without a daemon: got %s", got)
		}

		// Without a password, the flags are for every user, and a plan says what it could not see.
		h.run("runsc-provisioner apply --url https://" + lab.ReleaseHost + "/gvisor/releases")
		if got := h.run("stat -c %a " + saved); got != "644" {
			t.Errorf("got mode %s of flags without a password, want 644", got)
		}
		says(t, h.exit(0, asMember+"runsc-provisioner plan"), "which arguments of runsc a release has rejected")
		if got := h.exit(0, "runsc-provisioner plan"); strings.Contains(got.Stdout, "only root") {
			t.Errorf("plan of root: got %v, want nothing unseen", got)
		}

		// Words for on are no user.
		for _, word := range []string{"=yes", " on", " yes"} {
			got := h.exit(0, "runsc-provisioner plan --userns-remap"+word)
			if strings.Contains(got.Stdout+got.Stderr, "useradd") || !strings.Contains(got.Stdout, "userns-remap default") {
				t.Errorf("--userns-remap%s: got %v, want userns-remap default", word, got)
			}
		}

		// One line of runsc's many.
		wrong := h.exit(1, "runsc-provisioner apply --once --runtime-arg=--ignore-cgroups --runtime-arg=--no-such-flag")
		if n := strings.Count(wrong.Stderr, "  runsc: "); n != 1 {
			t.Errorf("got %d lines of runsc, want 1: %v", n, wrong)
		}

		// Wrapped on a terminal only.
		for width, command := range map[int]string{70: "COLUMNS=70 ", 50: "stty cols 50; "} {
			got := h.run(`script -qec "sh -c '` + command + `runsc-provisioner doctor; true'" /dev/null </dev/null | sed 's/\x1b\[[0-9;]*m//g'`)
			for line := range strings.Lines(got) {
				line = strings.TrimRight(line, "\r\n")
				if utf8.RuneCountInString(line) > width && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("got a line of %d columns at %d: %s", utf8.RuneCountInString(line), width, line)
				}
			}
		}
		if piped := h.exit(0, "COLUMNS=50 runsc-provisioner verify | cat").Stdout; !strings.Contains(piped, "files as installed, trust checksum\n") {
			t.Errorf("piped: got %s, want long lines", piped)
		}
	})
}

// A daemon.json that does not parse must not hide that the change of a killed run is open.
func TestFault_X01_ADamagedDaemonJSONHidesNoOpenJournal(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.run("runsc-provisioner apply")
		const journal = "/var/lib/runsc-provisioner/journal.json"
		h.run(`cp ` + daemonJSON + ` /root/good; echo '{"x":' > ` + daemonJSON + `; echo '{"schema_version": 1, "started": "2026-11-28T19:00:00Z", "pid": 1, "daemon_json": {"path": "` + daemonJSON + `"}}' > ` + journal)
		for _, command := range []string{"plan", "status"} {
			says(t, h.exit(78, "runsc-provisioner "+command), daemonJSON+": line 2", "unfinished change", journal)
		}
		h.run("rm " + journal + "; cp /root/good " + daemonJSON)
		if got := h.exit(0, "runsc-provisioner plan"); strings.Contains(got.Stdout+got.Stderr, "unfinished") {
			t.Errorf("without a journal: got %v", got)
		}
	})
}
