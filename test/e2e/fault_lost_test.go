package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

const (
	accepted     = "/var/lib/runsc-provisioner/accepted.json"
	acceptedCopy = "/var/lib/runsc-provisioner/accepted.copy.json"
	// maintenance is the service that docs/daemon.md shows.
	maintenance = `printf '[Service]\nType=oneshot\nExecStart=/usr/local/bin/runsc-provisioner apply --allow-restart\n' > /etc/systemd/system/runsc-maintenance.service; systemctl daemon-reload`
)

// found reports whether verify has a finding with that code.
func (v verification) found(code string) bool {
	for _, f := range v.Findings {
		if f.Code == code {
			return true
		}
	}
	return false
}

func TestFault_X21_ALostConfigurationGivesNothingUp(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h = host{h.Host, t}
		h.run("runsc-provisioner apply --release " + newer + " --default-runtime; test -x /usr/local/bin/runsc-provisioner || ln -s $(command -v runsc-provisioner) /usr/local/bin/; " + maintenance)
		h.run("docker run -d --name in " + lab.Image + " sleep 600; docker run -d --name out --runtime=runc " + lab.Image + " sleep 600")
		before := h.read(accepted)
		maintained := func(code string) {
			t.Helper()
			h.run("systemctl start runsc-maintenance || true")
			if got := h.run("systemctl show -p ExecMainStatus --value runsc-maintenance"); got != code {
				t.Errorf("maintenance: got exit %s, want %s", got, code)
			}
		}
		for name, lose := range map[string]string{
			"the directory": "rm -rf /etc/runsc-provisioner",
			"one line":      "sed -i /default_runtime/d /etc/runsc-provisioner/config.d/50-apply.toml",
		} {
			t.Run(name, func(t *testing.T) {
				h := host{h.Host, t}
				h.run("rm -rf /root/own; cp -rp /etc/runsc-provisioner /root/own; " + lose)
				v := h.verify(2)
				if !v.found("configuration-lost") || !v.found("container-outside") {
					t.Errorf("verify: got %+v, want the loss, and the container judged by the accepted configuration", v.Findings)
				}
				says(t, h.exit(2, "runsc-provisioner verify --format plugin"), "RUNSC CRITICAL", "docker.default_runtime")
				says(t, h.exit(2, "runsc-provisioner verify --format prometheus"), `verify_findings{code="configuration-lost"} 1`)
				says(t, h.exit(2, "runsc-provisioner doctor"), "docker.default_runtime")
				says(t, h.exit(4, "runsc-provisioner plan --detailed-exitcode"), "docker.default_runtime", "--give-up")
				// It keeps the accepted configuration too, and does not accept the loss over time.
				maintained("4")
				h.run("echo '{}' > " + daemonJSON)
				maintained("4")
				h.wantsRunsc()
				if got := h.read(accepted); got != before {
					t.Errorf("the record was changed: got %s\nwant %s", got, before)
				}
				h.run("rm -rf /etc/runsc-provisioner; mv /root/own /etc/runsc-provisioner")
				maintained("0")
			})
		}
		// The same settings in another file are no loss.
		h.run("mv /etc/runsc-provisioner/config.d/50-apply.toml /etc/runsc-provisioner/config.toml; runsc-provisioner apply")
		// A person gives the settings up: they are no longer managed, and nothing is undone.
		h.run("rm -r /etc/runsc-provisioner; runsc-provisioner plan --give-up; runsc-provisioner apply --give-up")
		h.wantsRunsc()
		maintained("0")
		if v := h.verify(0); v.found("configuration-lost") {
			t.Errorf("given up: got %+v", v.Findings)
		}
	})
}

func TestFault_X22_TheAcceptedRecordIsDamaged(t *testing.T) {
	h := kept(t, lab.Options{}, asDefault+"[enforce]\ncontested_after = 1000\n")
	pid := func() string { return h.run("systemctl show -p MainPID -p NRestarts runsc-provisioner") }
	both := func(text string) string {
		return "echo '" + text + "' > " + accepted + "; echo '" + text + "' > " + acceptedCopy
	}
	for name, damage := range map[string]string{
		"of a newer version": both(`{"version": 99}`),
		"a directory":        "for f in " + accepted + " " + acceptedCopy + "; do rm $f; mkdir $f; done",
	} {
		t.Run(name, func(t *testing.T) {
			h := host{h.Host, t}
			// Started with the damaged record, the daemon follows the files, and reports that.
			h.run("systemctl stop runsc-provisioner; " + damage + "; systemctl start runsc-provisioner")
			s := h.awaits("following the files", func(s status.Status) bool { return s.State == status.StateEnforced && s.AcceptedUnread != "" })
			if s.Wanted.DefaultRuntime != "runsc" {
				t.Errorf("got %+v wanted", s.Wanted)
			}
			started := pid()
			h.repaired("rm "+daemonJSON, "default-runtime")
			h.wantsRunsc()
			h.exit(4, "runsc-provisioner status")
			if v := h.verify(2); !v.found("accepted-unread") {
				t.Errorf("verify: got %+v", v.Findings)
			}
			h.exit(2, "runsc-provisioner doctor")
			h.exit(4, "runsc-provisioner apply")
			// Settings that the files then lose are kept while the daemon runs.
			h.run("mv " + ownConfig + " /root/own")
			h.awaits("keeping the last good one", func(s status.Status) bool { return s.ConfigKept != "" })
			h.repaired("rm "+daemonJSON, "default-runtime")
			if got := pid(); got != started {
				t.Errorf("got %s, want the same process, %s", got, started)
			}
			// Started without both, it changes nothing, and reports that.
			h.run("rm -rf /root/dir; mv /etc/runsc-provisioner /root/dir; systemctl restart runsc-provisioner")
			h.awaits("failing", func(s status.Status) bool {
				return s.State == status.StateFailing && strings.Contains(s.Error, "accepted")
			})
			h.run("echo '{}' > " + daemonJSON)
			h.exit(1, "runsc-provisioner status")
			h.exit(4, "runsc-provisioner apply")
			if got := h.read(daemonJSON); got != "{}\n" {
				t.Errorf("got %s, want it unchanged: no configuration is known", got)
			}
			h.repaired("mv /root/own /root/dir/config.d/60-test.toml; mv /root/dir /etc/runsc-provisioner", "default-runtime")
			// A person decides.
			h.run("[ ! -d " + accepted + " ] || rmdir " + accepted + " " + acceptedCopy + "; runsc-provisioner apply --give-up; runsc-provisioner verify; systemctl restart runsc-provisioner")
			h.awaits("enforced again", func(s status.Status) bool { return s.State == status.StateEnforced && s.AcceptedUnread == "" })
		})
	}
	// One of the two is enough; the next round writes the other again.
	h.run("echo x > " + accepted)
	if v := h.verify(1); !v.found("accepted-unread") {
		t.Errorf("verify: got %+v", v.Findings)
	}
	h.repaired("rm "+daemonJSON, "default-runtime")
	h.verify(0)
}
