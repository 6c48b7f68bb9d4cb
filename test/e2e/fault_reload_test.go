package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// dockerd exits on a reload if it does not find an authorization plugin of daemon.json.
func TestFault_X03_AuthorizationPluginsThatDockerdHasNotLoaded(t *testing.T) {
	const plugins = `{"authorization-plugins": ["opa"]}`
	onEach(t, lab.Options{Files: map[string]lab.File{"/root/opa.pl": {Content: opa}}}, func(t *testing.T, h host) {
		id := h.run("docker run -d --name web " + lab.Image + " sleep 1000")
		untouched := func(text string) {
			t.Helper()
			if got := h.read(daemonJSON); strings.TrimSpace(got) != text {
				t.Errorf("got daemon.json %s, want %s", got, text)
			}
			if got := h.run("systemctl is-active docker; docker inspect -f '{{.State.Running}}' " + id); got != "active\ntrue" || h.starts() != 1 {
				t.Errorf("got %q after %d starts, want Docker and its container untouched", got, h.starts())
			}
		}
		h.run("mkdir -p /etc/docker")
		h.write(plugins)
		says(t, h.exit(4, "runsc-provisioner apply"), "held: register runsc", "authorization-plugins")
		untouched(plugins)
		says(t, h.exit(4, "runsc-provisioner apply --userns-remap --allow-restart --allow-hidden-data --once"), "held:", "authorization-plugins")
		untouched(plugins)

		// The daemon of an enforced host holds it too, and goes on once the key is gone.
		h.write("{}")
		h.run("runsc-provisioner apply; systemctl start runsc-provisioner")
		h.enforced()
		h.write(plugins)
		s := h.awaits("held", func(s status.Status) bool { return len(s.Held) > 0 })
		if s.State != status.StateHeld {
			t.Errorf("got %s, want it held", s.State)
		}
		untouched(plugins)
		h.write(`{"debug": true}`)
		h.enforced()
		h.run("systemctl stop runsc-provisioner")

		// The user starts the plugin and reloads Docker: dockerd then has it, and a reload is harmless.
		h.run("systemd-run --unit=opa perl /root/opa.pl; until [ -S /run/docker/plugins/opa.sock ]; do sleep 0.1; done")
		h.write(plugins)
		says(t, h.exit(4, "runsc-provisioner apply"), "authorization-plugins")
		h.run("sleep 1.2; systemctl reload docker; until [ -e /root/asked ]; do docker ps -q >/dev/null; sleep 0.1; done")
		h.run("runsc-provisioner apply")
		untouched(strings.TrimSpace(h.read(daemonJSON)))
		h.run("docker plugin ls; docker info -f '{{.Runtimes.runsc.Path}}' | grep " + store)
	})
}

// opa is an authorization plugin that allows everything, and notes that it was asked.
const opa = `use IO::Socket::UNIX;
mkdir "/run/docker/plugins"; unlink "/run/docker/plugins/opa.sock";
my $s = IO::Socket::UNIX->new(Local => "/run/docker/plugins/opa.sock", Listen => 64) or die;
$SIG{CHLD} = "IGNORE";
while (my $c = $s->accept) {
	next if fork;
	my ($path, $length) = ("", 0);
	while (defined(my $line = readline $c)) {
		$path = $1 if $line =~ m{^POST (\S+)};
		$length = $1 if $line =~ m{^Content-Length: (\d+)}i;
		last if $line =~ m{^\r?$};
	}
	read $c, my $body, $length;
	my $answer = '{"Implements":["authz"]}';
	if ($path =~ /Authz/i && $path !~ /Activate/) {
		open my $asked, ">", "/root/asked"; close $asked;
		$answer = '{"Allow":true}';
	}
	print $c "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.plugins.v1.1+json\r\nContent-Length: " . length($answer) . "\r\nConnection: close\r\n\r\n" . $answer;
	exit;
}
`

// A restart would fail on a value that dockerd refuses harmlessly at a reload.
func TestFault_X03_ARestartFollowsTheReloadOfOtherOptions(t *testing.T) {
	const restart = "runsc-provisioner apply --once --userns-remap --allow-restart --allow-hidden-data"
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.run("runsc-provisioner apply")
		id := h.run("docker run -d --name web --runtime=runc " + lab.Image + " sleep 1000")
		registered := h.read(daemonJSON)
		for _, option := range []string{
			`"registry-mirrors": ["mirror.lab:5000"]`,
			`"allow-nondistributable-artifacts": ["https://x.lab/y"]`,
			`"labels": ["a=1", "a=2"]`,
			`"live-restore": "true"`,
			`"max-concurrent-downloads": -1`,
			`"cluster-store": "consul://127.0.0.1"`,
		} {
			text := strings.Replace(registered, "{", "{"+option+",", 1)
			h.write(text)
			r, err := h.Run(t.Context(), "sh", "-c", restart)
			if err != nil {
				t.Fatal(err)
			}
			if r.Code != 4 && r.Code != 78 {
				t.Errorf("%s: got %v, want exit 4 or 78", option, r)
			}
			t.Log(option, r)
			if got := h.run("systemctl is-active docker; docker inspect -f '{{.State.Running}}' " + id); got != "active\ntrue" || h.starts() != 1 {
				t.Fatalf("%s: got %q after %d starts, want Docker and its container untouched", option, got, h.starts())
			}
			if got := h.read(daemonJSON); strings.TrimSpace(got) != strings.TrimSpace(text) {
				t.Errorf("%s: got daemon.json %s, want it untouched", option, got)
			}
		}

		// A value that dockerd takes.
		h.write(strings.Replace(registered, "{", `{"registry-mirrors": ["https://mirror.lab:5000"],`, 1))
		says(t, h.exit(0, "runsc-provisioner plan --userns-remap --allow-restart --allow-hidden-data"), "registry-mirrors", "restart")
		h.run(restart)
		if got := h.run("docker info -f '{{.RegistryConfig.Mirrors}} {{.SecurityOptions}}'"); !strings.Contains(got, "mirror.lab") || !strings.Contains(got, "userns") || h.starts() != 2 {
			t.Errorf("got %s after %d starts, want both in effect after one restart", got, h.starts())
		}
	})
}

// dockerd ends on our reload. Nothing may say that all is as before while it is gone.
func TestFault_X01_DockerdEndsOnOurReload(t *testing.T) {
	killing := map[string]lab.File{"/etc/systemd/system/docker.service.d/50-reload.conf": {
		Content: "[Service]\nExecReload=\nExecReload=/bin/kill -s KILL $MAINPID\n",
	}}
	onEach(t, lab.Options{Files: killing}, func(t *testing.T, h host) {
		h.run("mkdir -p /etc/docker")
		h.write(othersText)
		r := h.exit(3, "runsc-provisioner apply")
		if strings.Contains(r.Stderr, "everything is as it was before") {
			t.Errorf("got %v, want it to say that Docker was started again", r)
		}
		t.Log(r)
		if got := h.run("systemctl is-active docker; docker info -f '{{.DefaultRuntime}}'"); got != "active\nrunc" || strings.TrimSpace(h.read(daemonJSON)) != othersText {
			t.Errorf("got %q with daemon.json %s, want Docker running with the old file", got, h.read(daemonJSON))
		}
		h.settled()

		// It does not start from the old file either.
		h.run("systemctl reset-failed docker docker.socket")
		h.write(`{"registry-mirrors": ["mirror.lab:5000"]}`)
		r = h.exit(70, "runsc-provisioner apply")
		t.Log(r)
		h.exit(3, "systemctl is-active docker")
	})
}
