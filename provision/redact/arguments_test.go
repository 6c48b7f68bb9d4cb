package redact

import (
	"strings"
	"testing"
)

func TestArgumentsShown(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock", "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock"},
		{"dockerd -Hfd:// -D -g /srv -l=debug -z5", "dockerd -Hfd:// -D -g /srv -ldebug -z…"},
		{"dockerd --log-opt splunk-token=hunter2 --debug=true --data-root=/srv", "dockerd --log-opt … --debug=true --data-root=/srv"},
		{"dockerd -D hunter2 -v hunter2 -p /run/d.pid -xhunter2 -G docker", "dockerd -D … -v … -p /run/d.pid -x… -G docker"},
		{"dockerd --label=x --label /hunter2 --label 778899", "dockerd --label=… --label … --label …"},
		{"dockerd --storage-opt=dm.key=/hunter2 --storage-driver overlay2", "dockerd --storage-opt=… --storage-driver overlay2"},
		{"dockerd --new-thing /hunter2 --newer=5 word", "dockerd --new-thing … --newer=… …"},
		{"dockerd --add-runtime=x=/usr/bin/x --default-runtime x --config-file /etc/d.json", "dockerd --add-runtime=x=/usr/bin/x --default-runtime x --config-file /etc/d.json"},
		{"dockerd --insecure-registry reg:5000 --registry-mirror=https://m/hunter2 --dns-opt ndots:1", "dockerd --insecure-registry reg:5000 --registry-mirror=… --dns-opt ndots:1"},
		{"dockerd --exec-opt native.cgroupdriver=systemd --exec-opt a=/b --mtu 1400", "dockerd --exec-opt native.cgroupdriver=systemd --exec-opt … --mtu 1400"},
		{"dockerd --http-proxy=http://bob:hunter2@proxy --host tcp://bob:hunter2@h", "dockerd --http-proxy=… --host …"},
		{"/usr/bin/dockerd -H fd:// $DOCKER_OPTS", "/usr/bin/dockerd -H fd:// …"},
		{"", ""},
	} {
		if got := Arguments(strings.Fields(tt.line)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestVariablesShown(t *testing.T) {
	got := Environment([]string{"PGKEY=/hunter5abc", "PIN=778899", "SMTP_PASS1=/abc", "HTTPS_PROXY=http://x", "DEBUG=true", "EMPTY",
		"GOGC=50", "PATH=/bin", "DOCKER_BUILDKIT_RUNC_COMMAND=/usr/local/bin/runsc-build"})
	want := "PGKEY=… PIN=… SMTP_PASS1=… HTTPS_PROXY=… DEBUG=… EMPTY=… GOGC=50 PATH=/bin DOCKER_BUILDKIT_RUNC_COMMAND=/usr/local/bin/runsc-build"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
