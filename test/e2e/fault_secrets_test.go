package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// mark is part of every secret that this test puts on the host, and of nothing else.
const mark = "m4rked"

// secretJSON is a daemon.json with secrets in all places that dockerd takes them in. dockerd rejects none of it
// before it starts, and so it stands for a host that works.
const secretJSON = `{
  "labels": ["owner=` + mark + `label"],
  "log-driver": "json-file",
  "log-opts": {"max-size": "10m", "tag": "` + mark + `tag", "labels-regex": "` + mark + `regex"},
  "node-generic-resources": ["token=` + mark + `resource"],
  "runtimes": {
    "other": {"path": "/usr/sbin/runc", "runtimeArgs": ["--token=` + mark + `other", "-p", "` + mark + `short"]}
  }
}
`

// outputs are the commands whose output this test searches. Each may fail: then its error counts.
var outputs = []string{
	"runsc-provisioner plan", "runsc-provisioner plan --format json", "runsc-provisioner status", "runsc-provisioner status --format json",
	"runsc-provisioner verify", "runsc-provisioner verify --format json", "runsc-provisioner verify --format prometheus", "runsc-provisioner verify --deep --format plugin", "runsc-provisioner doctor", "runsc-provisioner doctor --format json",
	"cat /run/runsc-provisioner/status.json", "cat /var/lib/prometheus/node-exporter/*.prom",
	"systemctl status --no-pager -l runsc-provisioner", "systemctl show -p StatusText runsc-provisioner",
	"journalctl -u runsc-provisioner -o verbose --no-pager",
	"cd /root && rm -rf b && mkdir b && cd b && runsc-provisioner debug-bundle b.tgz && tar -xzf b.tgz && cat runsc-provisioner-debug/*",
	"find /var/lib/runsc-provisioner /run/runsc-provisioner /usr/local/lib/gvisor /etc/runsc-provisioner -type f -perm -o=r -size -200k -exec cat {} +",
}

// hides fails the test if a secret is in the output of a command, or of this one.
func (h host) hides(situation, command string) {
	h.t.Helper()
	result, err := h.Run(h.t.Context(), "sh", "-c", "{ "+command+"; } 2>&1")
	if err != nil {
		h.t.Fatal(err)
	}
	if strings.TrimSpace(result.Stdout) == "" && !strings.HasPrefix(command, "find ") {
		h.t.Errorf("%s: %s has no output", situation, command)
	}
	for line := range strings.Lines(result.Stdout) {
		if strings.Contains(line, mark) {
			h.t.Errorf("%s: %s shows a secret: %.300s", situation, command, line)
		}
	}
}

func (h host) hidesAll(situation string) {
	h.t.Helper()
	for _, command := range outputs {
		h.hides(situation, command)
	}
}

// Secrets in daemon.json, in dockerd's flags and variables, in the arguments of runtimes, and in the messages of
// dockerd and runsc that quote them: no output has one.
func TestFault_X18_SecretsInEveryPlace(t *testing.T) {
	onEach(t, lab.Options{Files: map[string]lab.File{
		daemonJSON: {Content: secretJSON},
		ownConfig:  {Content: asDefault + "[metrics]\ntextfile = \"/var/lib/prometheus/node-exporter\"\n"},
		"/var/lib/prometheus/node-exporter/.keep": {},
		"/etc/systemd/system/docker.service.d/secrets.conf": {Content: "[Service]\n" +
			"Environment=HTTP_PROXY=http://bob:" + mark + "proxy@127.0.0.1:9 NO_PROXY=localhost,127.0.0.0/8 MYSECRET=" + mark + "env\n"},
	}}, func(t *testing.T, h host) {
		h.hides("a first apply", "runsc-provisioner plan; runsc-provisioner apply -v")
		h.run("systemctl start runsc-provisioner")
		h.enforced()
		h.hidesAll("all is well")

		h.hides("addresses with a password", "export HTTPS_PROXY=http://bob:"+mark+"@127.0.0.1:9; runsc-provisioner doctor; runsc-provisioner apply --upgrade --once")
		h.hides("addresses with a password", "for command in plan apply; do runsc-provisioner $command --once --allow-downgrade --release "+older+" --url https://bob:"+mark+"@127.0.0.1:9/x; done")
		h.hides("addresses with a password", "cd /root && HTTPS_PROXY=http://bob:"+mark+"@127.0.0.1:9 runsc-provisioner debug-bundle u.tgz && tar -xzOf u.tgz")

		// Another program writes arguments with secrets into our runtime. runsc would reject some of them.
		for _, args := range []string{`"--token=` + mark + `drift"`, `"-p", "` + mark + `word", "--debug=` + mark + `"`} {
			h.repaired(`perl -0pi -e 's/("runsc": \{\s*"path": "[^"]*")[^}]*\}/$1, "runtimeArgs": [`+strings.ReplaceAll(args, `"`, `\x22`)+`]}/' `+daemonJSON, "runtimes.runsc")
			h.hidesAll("a repaired drift")
		}

		// Now nothing repairs it.
		h.run("systemctl stop runsc-provisioner")
		h.run(`perl -0pi -e 's/("runsc": \{\s*"path": "[^"]*")[^}]*\}/$1, "runtimeArgs": ["--nosuch=` + mark + `", "-p", "` + mark + `x"]}/' ` + daemonJSON + " && systemctl reload docker")
		for _, command := range outputs[:10] {
			h.hides("a drift in dockerd", command)
		}
		h.hides("a drift in dockerd", "runsc-provisioner prove; runsc-provisioner apply -v")

		// dockerd refuses a text, and quotes values of it.
		h.run("cp " + daemonJSON + " /root/good.json")
		h.run(`perl -0pi -e 's/"labels": \[[^\]]*\]/"labels": ["owner=` + mark + `one", "owner=` + mark + `two"]/; s/"default-runtime": "runsc"/"default-runtime": "runc"/' ` + daemonJSON)
		h.hides("dockerd refuses a text", "runsc-provisioner plan; runsc-provisioner apply; runsc-provisioner doctor; runsc-provisioner status")
		h.run("systemctl start runsc-provisioner")
		h.awaits("failing", func(s status.Status) bool { return s.State == status.StateFailing })
		h.hidesAll("the daemon's text is refused")
		if got := h.run("systemctl show -p StatusText --value runsc-provisioner"); strings.Contains(got, "conflict") || !strings.HasPrefix(got, "failing: ") {
			t.Errorf("got %q for every user, want a failure and no text of dockerd", got)
		}

		// dockerd does not even start with it.
		h.run("systemctl stop runsc-provisioner; cp /root/good.json " + daemonJSON)
		h.run(`perl -0pi -e 's/"tag": /"` + mark + `opt": "` + mark + `", "tag": /' ` + daemonJSON)
		h.hides("dockerd does not start", "systemctl restart docker; runsc-provisioner plan; runsc-provisioner apply; runsc-provisioner doctor; runsc-provisioner status")

		// No JSON at all.
		h.run("sed -i 's/}$/},/' " + daemonJSON)
		h.hides("a broken text", "runsc-provisioner plan; runsc-provisioner apply; runsc-provisioner doctor; runsc-provisioner status")
		h.hides("a broken text", outputs[len(outputs)-2])
	})
}
