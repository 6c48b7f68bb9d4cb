package daemonjson

import (
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	none := ""
	cases := []struct {
		name, before string
		want         Want
		diff         string
	}{
		{"nothing changes", "{}\n", Want{}, ""},
		{"new file", "", Want{DefaultRuntime: new("runsc")}, `--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ -0,0 +1,3 @@
+{
+    "default-runtime": "runsc"
+}
`},
		{"no final newline", "{\n  \"a\": true\n}", Want{DefaultRuntime: new("runsc")}, `--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ -1,3 +1,4 @@
 {
-  "a": true
+  "a": true,
+  "default-runtime": "runsc"
 }
\ No newline at end of file
`},
		{"one line without newline", `{"a": true}`, Want{DefaultRuntime: new("runsc")}, `--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ -1 +1 @@
-{"a": true}
\ No newline at end of file
+{"a": true, "default-runtime": "runsc"}
\ No newline at end of file
`},
		{"CRLF", "{\r\n\t\"a\": true\r\n}\r\n", Want{DefaultRuntime: new("runsc")},
			"--- a/etc/docker/daemon.json\n+++ b/etc/docker/daemon.json\n@@ -1,3 +1,4 @@\n {\r\n-\t\"a\": true\r\n+\t\"a\": true,\r\n+\t\"default-runtime\": \"runsc\"\r\n }\r\n"},
		{"secret in the context", "{\n  \"a\": true,\n  \"http-token\": \"hunter2\",\n  \"default-runtime\": \"nvidia\",\n  \"b\": false\n}\n", Want{DefaultRuntime: &none},
			`--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ -4 +3,0 @@
-  "default-runtime": "nvidia",
`},
		{"secret two lines away on one side", "{\n  \"a\": true,\n  \"default-runtime\": \"nvidia\",\n  \"b\": false,\n  \"http-token\": \"hunter2\"\n}\n", Want{DefaultRuntime: new("runsc")},
			`--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ -2,3 +2,3 @@
   "a": true,
-  "default-runtime": "nvidia",
+  "default-runtime": "runsc",
   "b": false,
`},
		{"secret on a line that changes", "{\n  \"a\": true,\n  \"http-token\": \"hunter2\"\n}\n", Want{DefaultRuntime: new("runsc")},
			`# for reading only: values that may be secret are shown as ***, so this is not a patch
--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ line 1 @@
 {
   "a": true,
-  "http-token": "hunter2"
+  "http-token": "hunter2",
+  "default-runtime": "runsc"
 }
`},
		{"secrets in a one-line file", `{"proxies": {"http-proxy": "http://u:hunter2@p", "https-proxy": "http://p"}, "a": true}` + "\n", Want{DefaultRuntime: new("runsc")},
			`# for reading only: values that may be secret are shown as ***, so this is not a patch
--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ line 1 @@
-{"proxies": {"http-proxy": "***", "https-proxy": "***"}, "a": true}
+{"proxies": {"http-proxy": "***", "https-proxy": "***"}, "a": true, "default-runtime": "runsc"}
`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := c.diff
			if strings.HasPrefix(want, "#") {
				want = strings.ReplaceAll(want, `"hunter2"`, mask)
			}
			after := edit(t, c.before, c.want)
			got := Diff("/etc/docker/daemon.json", []byte(c.before), []byte(after))
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s\n(got %q)", got, want, got)
			}
		})
	}
}

func TestDiffHides(t *testing.T) {
	for _, value := range []string{
		`"proxies": {"https-proxy": "http://me:hunter2@proxy:3128"}`,
		`"proxies": {"https-proxy": "http:\/\/me:hunter2\u0040proxy:3128"}`,
		`"proxies": {"no-proxy": "hunter2"}`,
		`"registry-mirrors": ["https://x", "https://me:hunter2@mirror"]`,
		`"registry-mirrors": ["https://mirror/hunter2"]`,
		`"registry-mirrors": ["https://mirror?hunter2"]`,
		`"insecure-registries": ["hunter2@mirror"]`,
		`"log-opts": {"splunk-token": "hunter2"}`,
		`"log-opts": {"splunk-url": "https://collector/hunter2"}`,
		`"log-opts": {"labels": "PASSWORD=hunter2"}`,
		`"log-opts": {"tag": "hunter2"}`,
		`"labels": ["owner=hunter2"]`,
		`"storage-opts": ["plugin.password=hunter2"]`,
		`"storage-opts": ["dm.key=hunter2", "plugin.size=hunter2", "hunter2"]`,
		`"log-opts": {"max-size": "hunter2", "max-file": 4711000000004711, "mode": ["hunter2"], "loki-url": "http://h/hunter2", "compress": "hunter2"}`,
		`"log-opts": {"gelf-address": "udp://u:hunter2@h:1", "splunk-url": "https://h/hunter2", "awslogs-group": "token=hunter2", "env": "A=hunter2"}`,
		`"default-network-opts": {"bridge": {"mtu": "hunter2"}, "weave": {"password": "hunter2"}}`,
		`"default-network-opts": {"x": {"com.docker.network.key": "hunter2", "com.docker.network.x": "u:hunter2@h"}, "y": "hunter2"}`,
		`"swarm-default-advertise-addr": "u:hunter2@h"`,
		`"cdi-spec-dirs": ["/x?hunter2"]`,
		`"exec-opts": ["native.cgroupdriver=systemd", "hunter2"]`,
		`"authorization-plugins": ["hunter2"]`,
		`"unknown-key": "hunter2"`,
		`"unknown-key": ["hunter2", {"b": "hunter2"}]`,
		`"unknown-key": 4711000000004711`,
		`"log-opts": [4711000000004711, {"a": [4711000000004711]}]`,
		`"n\u006fbody-knows": "hunter2"`,
		`"Debug": "hunter2"`,
		`"debug ": "hunter2"`,
		`"dns": ["Bearer hunter2"]`,
		`"cgroup-parent": "/token=hunter2"`,
		`"hosts": ["tcp://me:hunter2@127.0.0.1:2375"]`,
		`"builder": {"gc": {"policy": [{"filter": ["secret=hunter2"]}]}}`,
		`"runtimes": {"a": {"path": "x", "runtimeArgs": ["--token=hunter2"]}}`,
		`"runtimes": {"a": {"path": "x", "runtimeArgs": ["--token", "hunter2", "--debug"]}}`,
		`"runtimes": {"a": {"path": "x", "runtimeArgs": ["--log=http://me:hunter2@x"]}}`,
		`"runtimes": {"a": {"runtimeType": "x", "options": {"Root": "hunter2", "n": 4711000000004711}}}`,
		`"runtimes": {"a": {"runtimeType": "x", "options": {"ConfigPath": ["hunter2"], "TypeUrl": {"x": "hunter2"}}}}`,
		`"runtimes": {"a": {"runtimeType": "x", "options": {"ConfigPath": "token=hunter2"}}}`,
		`"runtimes": {"a": {"path": "x", "unknown-key": "hunter2"}}`,
		`"runtimes": {"a": {"path": "x", "runtimeArgs": ["--a=hunter2hunter2hunter2"]}}`,
	} {
		for _, before := range []string{"{" + value + "}", "{\n  " + value + "\n}\n", "{\n  \"a\": true,\n  " + value + ",\n  \"b\": false\n}\n"} {
			// dockerd would refuse this one, and so does Parse.
			after := strings.Replace(before, "{", `{"x": true, `, 1)
			if d, err := Parse([]byte(before)); err == nil {
				edited, err := Edit(d, everything())
				if err != nil {
					t.Fatal(err)
				}
				after = string(edited.Bytes())
			}
			got := Diff("f", []byte(before), []byte(after))
			if got == "" || strings.Contains(got, "hunter2") || strings.Contains(got, "4711") {
				t.Errorf("before %s, got:\n%s", before, got)
			}
		}
	}
	broken := `{"a": "hunter2",}` + "\n" + "hunter2"
	for _, got := range []string{Diff("f", []byte(broken), []byte("{}\n")), Diff("f", []byte("{}\n"), []byte(broken))} {
		if strings.Contains(got, "hunter2") || !strings.HasPrefix(got, "# for reading only") {
			t.Errorf("text that does not parse, got:\n%s", got)
		}
	}
}

// These are one-line files, so each value is on the changed line.
func TestDiffShowsHarmlessValues(t *testing.T) {
	for _, value := range []string{
		`"default-runtime": "nvidia"`,
		`"userns-remap": "user:group"`,
		`"runtimes": {"monkey-token": {"path": "/nix/store/3fhb2n7k1x9wq8v5m4p6r0s2d1c7b9a5-monkey@2/bin/monkey"}}`,
		`"runtimes": {"a": {"path": "x", "runtimeArgs": ["--platform=systrap", "--ignore-cgroups", "--debug-log=/var/log/runsc/%ID%/"]}}`,
		`"runtimes": {"a": {"runtimeType": "io.containerd.runsc.v1", "options": {"x": null}}}`,
		`"runtimes": {"a": {"runtimeType": "io.containerd.runsc.v1", "options": {"TypeUrl": "io.containerd.runsc.v1.options", "ConfigPath": "/etc/containerd/runsc.toml"}}}`,
		`"exec-opts": ["native.cgroupdriver=systemd"]`,
		`"registry-mirrors": ["https://mirror.example.com", "http://10.0.0.1:5000/"]`,
		`"insecure-registries": ["10.0.0.0/8", "reg.local:5000", "fd00::/8"]`,
		`"default-address-pools": [{"base": "10.10.0.0/16", "size": 24}]`,
		`"default-ulimits": {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}}`,
		`"builder": {"gc": {"enabled": true, "defaultKeepStorage": "20GB", "policy": [{"keepStorage": "10GB", "filter": ["unused-for=2200h"]}]}}`,
		`"hosts": ["fd://", "unix:///run/docker.sock"], "tls": true, "tlskey": "/etc/docker/key.pem"`,
		`"log-opts": {"max-size": "10m", "max-file": "3", "compress": "true", "mode": "non-blocking", "max-buffer-size": "4m"}`,
		`"log-opts": {"tag": "{{.Name}}/{{.ID}}", "labels": "app,com.example.team", "env": "OS, VERSION", "gelf-address": "udp://10.0.0.1:12201"}`,
		`"log-opts": {"syslog-address": "unix:///dev/log", "syslog-facility": "local3", "fluentd-retry-wait": "1m30s", "awslogs-region": "eu-west-1"}`,
		`"storage-opts": ["overlay2.override_kernel_check=true", "overlay2.size=20G", "dm.thinpooldev=/dev/mapper/thin-pool", "dm.mountopt=nodev,nouuid"]`,
		`"graph": "/srv/docker", "data-root": "/srv/docker"`,
		`"cdi-spec-dirs": ["/etc/cdi", "/run/cdi"], "node-generic-resources": ["NVIDIA-GPU=GPU-45cbf7b3"]`,
		`"swarm-default-advertise-addr": "eth0:2377", "swarm-raft-heartbeat-tick": 1, "swarm-raft-election-tick": 10`,
		`"default-network-opts": {"overlay": {"com.docker.network.driver.mtu": "1337"}, "macvlan": {"mtu": "1450"}}`,
		`"allow-nondistributable-artifacts": ["reg.local:5000"], "default-stop-timeout": 30, "nri-opts": {"enable": true, "plugin-path": "/opt/nri"}`,
		`"unknown-key": [true, false, null]`,
		`"bip": "172.17.0.1/16", "mtu": 1450, "data-root": "/srv/docker", "log-driver": "json-file"`,
	} {
		before := "{" + value + ", \"debug\": false}\n"
		got := Diff("f", []byte(before), []byte(strings.Replace(before, "false}", "true}", 1)))
		if strings.HasPrefix(got, "#") || !strings.Contains(got, "-"+before) {
			t.Errorf("before %s, got:\n%s", before, got)
		}
	}
}

func TestDiffLabelCannotForgeLines(t *testing.T) {
	got := Diff("/a\n+++ b/c d", nil, []byte("{}\n"))
	if want := "--- a/a?+++ b/c d\t\n+++ b/a?+++ b/c d\t\n@@ -0,0 +1 @@\n+{}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShows(t *testing.T) {
	for _, tt := range []struct {
		option, value string
		want          bool
	}{
		{"host", "fd://", true},
		{"hosts", "fd://", true},
		{"host", "tcp://bob:x@h", false},
		{"data-root", "/srv", true},
		{"graph", "/srv", true},
		{"insecure-registry", "reg:5000", true},
		{"registry-mirror", "https://m/token", false},
		{"exec-opt", "native.cgroupdriver=systemd", true},
		{"exec-opt", "x=/y", false},
		{"add-runtime", "runsc=/usr/bin/runsc", true},
		{"label", "/x", false},
		{"log-opt", "5", false},
		{"log-opt", "max-size=10m", true},
		{"log-opt", "splunk-token=5", false},
		{"log-opt", "max-size=hunter2", false},
		{"storage-opt", "overlay2.size=20G", true},
		{"storage-opt", "dm.key=/x", false},
		{"default-network-opt", "bridge=com.docker.network.driver.mtu=1450", true},
		{"default-network-opt", "bridge=password=x", false},
		{"cgroup-parent", "/token=x", false},
		{"swarm-default-advertise-addr", "eth0", true},
		{"log-opt", "true", true},
		{"storage-opts", "/x", false},
		{"http-proxy", "http://p", false},
		{"unheard-of", "/x", false},
		{"", "/x", false},
	} {
		if got := Shows(tt.option, tt.value); got != tt.want {
			t.Errorf("%s %s: got %t, want %t", tt.option, tt.value, got, tt.want)
		}
	}
}

func TestSecretName(t *testing.T) {
	for name, want := range map[string]bool{
		"DB_PASS1": true, "requirepass": true, "TOKEN_V1": true, "PIN": true, "sig": true, "X-Amz-Signature": true, "PGKEY": true, "pwd": true, "cookie": true, "SessionId": true,
		"design": false, "spinning": false, "compassion": false, "keep": false, "path": false, "": false,
	} {
		if got := SecretName(name); got != want {
			t.Errorf("%s: got %t, want %t", name, got, want)
		}
	}
}
