package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

func TestDoctor(t *testing.T) {
	h := boot(t, lab.Options{})
	seen := h.run("runsc-provisioner doctor || test $? = 1")
	for _, want := range []string{"kernel", "cgroups", "user namespaces", "seccomp", "kvm", "docker.service", "docker API", "subordinate ids", "store", "room in", "proxy", "clock"} {
		if !strings.Contains(seen, want) {
			t.Errorf("got\n%s\nwant %q in it", seen, want)
		}
	}
	for breaks, want := range map[string]string{
		`echo '{"x":' > ` + daemonJSON:                                                   "daemon.json",
		"echo nonsense > /etc/subuid":                                                    "subordinate ids",
		"systemctl stop docker.service docker.socket":                                    "docker.service",
		"mkdir -p /etc/runsc-provisioner && echo x > /etc/runsc-provisioner/config.toml": "configuration",
	} {
		h.run(breaks)
		r, err := h.Run(t.Context(), "sh", "-c", "runsc-provisioner doctor")
		if err != nil || r.Code == 0 || !strings.Contains(r.Stdout, "\n  "+want+": ") {
			t.Errorf("%s: got %v, %v, want what to do about %s", breaks, r, err, want)
		}
	}
}

func TestDebugBundleHoldsNothingSecret(t *testing.T) {
	const secret = "hunter2"
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime")
	h.run(`cat > /etc/docker/daemon.json <<'J'
{"runtimes":{"runsc":{"path":"/usr/local/lib/gvisor/` + newer + `/runsc","runtimeArgs":["--ignore-cgroups"]}},"default-runtime":"runsc",
 "proxies":{"https-proxy":"http://bob:` + secret + `@proxy.lab:3128"},"log-opts":{"labels":"x","env":"TOKEN=` + secret + `"},"labels":["token=` + secret + `"]}
J
mkdir -p /etc/systemd/system/docker.service.d && printf '[Service]\nEnvironment=HTTPS_PROXY=http://bob:` + secret + `@proxy.lab PLAIN=` + secret + `\n' > /etc/systemd/system/docker.service.d/p.conf
systemctl daemon-reload && systemctl restart docker`)
	h.run("docker run -d --name web -e PASSWORD=" + secret + " --label password=" + secret + " " + lab.Image + " sleep 900 " + secret)
	h.run("docker run -d --name web2 --runtime=runc -e PASSWORD=" + secret + " --label password=" + secret + " " + lab.Image + " sleep 900")
	h.run("cd /root && HTTPS_PROXY=http://bob:" + secret + "@proxy.lab runsc-provisioner debug-bundle b.tar.gz && test $(stat -c %a b.tar.gz) = 600 && tar -xzf b.tar.gz")
	files := h.run("cd /root/runsc-provisioner-debug && ls")
	for _, want := range []string{"config.txt", "daemon.json.txt", "docker.service.txt", "dockerd.txt", "doctor.txt", "journal.txt", "plan.txt", "releases.txt", "status.txt", "verify.json", "verify.txt", "version.txt"} {
		if !strings.Contains(files, want) {
			t.Errorf("got %s, want %s among them", files, want)
		}
	}
	if found := h.run("grep -r " + secret + " /root/runsc-provisioner-debug || true"); found != "" {
		t.Errorf("a secret is in it:\n%s", found)
	}
	for _, want := range []string{"sandboxed", "web", "ignore-cgroups", "HTTPS_PROXY=", "https-proxy"} {
		h.run("grep -rq -- '" + want + "' /root/runsc-provisioner-debug")
	}
	h.exit(1, "cd /root && runsc-provisioner debug-bundle b.tar.gz")
	h.run("runsc-provisioner debug-bundle - | tar -tz >/dev/null")
}
