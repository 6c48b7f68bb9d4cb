package e2e

import (
	"encoding/json"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"runsc-provisioner/test/lab"
)

func TestDoctor(t *testing.T) {
	h := boot(t, lab.Options{})
	seen := h.run("runsc-provisioner doctor")
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
			t.Errorf("%s: got %v, %v, want a remedy for %s", breaks, r, err, want)
		}
	}
}

// doctor runs doctor, which must exit with code, and gives the line of one item and its remedy.
func (h host) doctor(code int, prefix, item string) (line, remedy string) {
	h.t.Helper()
	for seen := range strings.Lines(h.exit(code, prefix+"runsc-provisioner doctor").Stdout) {
		seen = strings.TrimSpace(seen)
		if strings.HasPrefix(seen, item+" ") {
			line = strings.Join(strings.Fields(seen), " ")
		}
		if text, ok := strings.CutPrefix(seen, item+": "); ok {
			remedy = text
		}
	}
	return line, remedy
}

func TestDoctor_SeesWhatKeepsDockerFromItsNextStart(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.run("mkdir -p /etc/docker; echo '{\"nosuchkey\": 1}' > " + daemonJSON)
		if h.run("dockerd --version") < "Docker version 23" {
			if line, _ := h.doctor(0, "", "daemon.json"); !strings.HasPrefix(line, "daemon.json ok "+daemonJSON+" parses; ") {
				t.Errorf("got %q, want no more than that it parses", line)
			}
			return
		}
		if line, _ := h.doctor(2, "", "daemon.json"); !strings.Contains(line, "critical") || !strings.Contains(line, "nosuchkey") {
			t.Errorf("got %q, want that dockerd refuses it", line)
		}
		h.run("rm " + daemonJSON + "; runsc-provisioner apply")
		if line, _ := h.doctor(0, "", "daemon.json"); line != "daemon.json ok dockerd --validate accepts "+daemonJSON {
			t.Errorf("got %q, want that dockerd accepts it", line)
		}
	})
}

func TestDoctor_SeesUnitsThatDoNotRun(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run(`cat > /etc/systemd/system/runsc-provisioner.service <<'U'
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/false
Restart=always
RestartSec=1h
[Install]
WantedBy=multi-user.target
U
systemctl daemon-reload; systemctl start runsc-provisioner; until systemctl show -P SubState runsc-provisioner | grep -q auto-restart; do :; done`)
	if line, _ := h.doctor(2, "", "runsc-provisioner.service"); line != "runsc-provisioner.service critical activating (auto-restart): exit-code" {
		t.Errorf("ends over and over: got %q", line)
	}
	h.run("systemctl stop runsc-provisioner; systemctl reset-failed runsc-provisioner; systemctl enable runsc-provisioner")
	if line, _ := h.doctor(1, "", "runsc-provisioner.service"); !strings.HasPrefix(line, "runsc-provisioner.service warning inactive (dead) although enabled") {
		t.Errorf("enabled and stopped: got %q", line)
	}
	h.run("systemctl disable runsc-provisioner")
	h.run("systemctl stop docker.socket docker.service; systemctl mask docker.service")
	if line, remedy := h.doctor(2, "", "docker.service"); !strings.Contains(line, "masked") || remedy != "systemctl unmask docker.service" {
		t.Errorf("masked: got %q, %q", line, remedy)
	}
}

func TestDoctor_ReportsWhatItMayNotSee(t *testing.T) {
	const nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups "
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply; chmod 600 " + daemonJSON + "; mkdir -p /etc/runsc-provisioner; install -m 600 /dev/null /etc/runsc-provisioner/config.toml")
	for _, item := range []string{"docker API", "daemon.json", "configuration"} {
		if line, remedy := h.doctor(3, nobody, item); !strings.HasPrefix(line, item+" unknown") || remedy != "run this as root" {
			t.Errorf("%s: got %q, %q, want it unknown, with a remedy", item, line, remedy)
		}
	}
	if r := h.exit(77, nobody+"runsc-provisioner status"); !strings.Contains(r.Stdout+r.Stderr, "sudo runsc-provisioner status") {
		t.Errorf("status: got %v, want it to say how root sees more", r)
	}
}

func TestDoctor_KnowsWhatTheConfigurationNeeds(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: "[docker.runtimes.runsc]\nargs = [\"--platform=kvm\"]\n"}}})
	h.run("test ! -e /dev/kvm")
	if line, _ := h.doctor(2, "HTTPS_PROXY=bob:hunter2@proxy.lab:3128 ", "kvm"); line != "kvm critical /dev/kvm is missing, and runtime runsc needs it: none of its sandboxes starts" {
		t.Errorf("got %q", line)
	}
	if line, _ := h.doctor(2, "HTTPS_PROXY=bob:hunter2@proxy.lab:3128 ", "proxy"); line != "proxy ok HTTPS_PROXY=http://proxy.lab:3128" {
		t.Errorf("got %q", line)
	}
}

// A doctor and a bundle are needed most when Docker or systemd hangs.
func TestDoctor_AnswersWhenDockerOrSystemdHangs(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime")
	dockerd, err := strconv.Atoi(h.run("systemctl show -P MainPID docker"))
	if err != nil {
		t.Fatal(err)
	}
	for who, stop := range map[string]func(syscall.Signal) error{
		// By its pid on this machine: no signal from inside the host stops its init.
		"systemd": func(s syscall.Signal) error { return syscall.Kill(h.PID(), s) },
		"dockerd": func(s syscall.Signal) error {
			_, err := h.Run(t.Context(), "kill", "-"+strconv.Itoa(int(s)), strconv.Itoa(dockerd))
			return err
		},
	} {
		t.Run(who, func(t *testing.T) {
			h := host{h.Host, t}
			if err := stop(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := stop(syscall.SIGCONT); err != nil {
					t.Error(err)
				}
			}()
			item := map[string]string{"systemd": "docker.service", "dockerd": "docker API"}[who]
			if line, _ := h.doctor(2, "", item); !strings.HasPrefix(line, item+" critical") || !strings.Contains(line, "no answer within 5s") {
				t.Errorf("got %q, want no answer", line)
			}
			h.run("cd /root && rm -rf b.tgz runsc-provisioner-debug && runsc-provisioner debug-bundle b.tgz && tar -xzf b.tgz")
			h.bundled("/root/runsc-provisioner-debug")
			for file, want := range map[string]string{"daemon.json.txt": "runtimes", "dockerd.txt": "--containerd=", "doctor.txt": "no answer within"} {
				if text := h.read("/root/runsc-provisioner-debug/" + file); !strings.Contains(text, want) {
					t.Errorf("%s: got\n%s\nwant %q in it", file, text, want)
				}
			}
		})
	}
}

// bundled checks that dir has all files of a bundle, and that JSON files are JSON.
func (h host) bundled(dir string) {
	h.t.Helper()
	want := "config.txt daemon.json.txt docker.service.txt dockerd.txt doctor.txt journal.txt plan.txt releases.txt status.txt verify.json verify.txt version.txt"
	if files := strings.Join(strings.Fields(h.run("ls "+dir)), " "); files != want {
		h.t.Errorf("got %s, want %s", files, want)
	}
	if text := h.read(dir + "/verify.json"); !json.Valid([]byte(text)) {
		h.t.Errorf("verify.json: got\n%s\nwant JSON", text)
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
mkdir -p /etc/systemd/system/docker.service.d && printf '[Service]\nEnvironment=HTTPS_PROXY=http://bob:` + secret + `@proxy.lab PLAIN=` + secret + ` PGKEY=/` + secret + `\n' > /etc/systemd/system/docker.service.d/p.conf
systemctl daemon-reload && systemctl restart docker`)
	h.run("docker run -d --name web -e PASSWORD=" + secret + " --label password=" + secret + " " + lab.Image + " sleep 900 " + secret)
	h.run("docker run -d --name web2 --runtime=runc -e PASSWORD=" + secret + " --label password=" + secret + " " + lab.Image + " sh -c 'sleep 900; true' -- --requirepass --token=" + secret)
	h.run("cd /root && HTTPS_PROXY=http://bob:" + secret + "@proxy.lab runsc-provisioner debug-bundle b.tar.gz && test $(stat -c %a b.tar.gz) = 600 && tar -xzf b.tar.gz")
	h.bundled("/root/runsc-provisioner-debug")
	if found := h.run("grep -r " + secret + " /root/runsc-provisioner-debug || true"); found != "" {
		t.Errorf("a secret is in it:\n%s", found)
	}
	for _, want := range []string{"sandboxed", "web", "ignore-cgroups", "HTTPS_PROXY=", "https-proxy"} {
		h.run("grep -rq -- '" + want + "' /root/runsc-provisioner-debug")
	}
	h.exit(1, "cd /root && runsc-provisioner debug-bundle b.tar.gz")

	// The bundle has the broken parts too.
	h.run("sed -i 's/}$/,}/' " + daemonJSON + " && cd /root && rm -r runsc-provisioner-debug && runsc-provisioner debug-bundle broken.tgz && tar -xzf broken.tgz")
	h.bundled("/root/runsc-provisioner-debug")
	for _, want := range []string{"outline:", "https-proxy", "trailing comma"} {
		h.run("grep -q -- '" + want + "' /root/runsc-provisioner-debug/daemon.json.txt")
	}
	if found := h.run("grep -r " + secret + " /root/runsc-provisioner-debug || true"); found != "" {
		t.Errorf("a secret is in that of a broken host:\n%s", found)
	}
	h.run("runsc-provisioner debug-bundle - | tar -tz >/dev/null")
}
