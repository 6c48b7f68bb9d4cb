package main

import (
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/test/need"
)

func TestFault_J09_NamesAndArgumentsThatDockerWouldMisreadAreRefused(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"", "--a b", "--a;reboot", "--a=$(id)", "--a=`id`", "--a='x'", `--a="x"`, "--a>x", "--a\nb", "--a\\", "--a*"} {
		h := freshHost(t, "{}")
		h.refuses(exitRefused, []string{"command line: docker.runtimes.runsc.args[1]: runtime argument"}, "apply", "--runtime-arg=--ok", "--runtime-arg="+arg)
	}
	for _, test := range []struct{ name, said string }{
		{"runc", "the name belongs to Docker"},
		{"Runc", "the name belongs to Docker"},
		{"io.containerd.runsc.v1", "names like this belong to containerd"},
		{"a/b", "only letters, digits"},
		{"../x", "only letters, digits"},
		{"a b", "only letters, digits"},
		{"", "empty"},
	} {
		h := freshHost(t, "{}")
		h.write("etc/runsc-provisioner/config.toml", "[docker.runtimes.\""+test.name+"\"]\n")
		for _, command := range []string{"apply", "plan"} {
			h.refuses(exitRefused, []string{"/etc/runsc-provisioner/config.toml: docker.runtimes." + test.name, test.said}, command)
		}
	}
	freshHost(t, "{}").refuses(exitRefused, []string{`docker.default_runtime: "other" is neither off, runc nor one of docker.runtimes (runsc)`}, "apply", "--default-runtime=other")
}

func TestFault_J10_AnOptionThatIsAlsoAFlagIsRefused(t *testing.T) {
	t.Parallel()
	const flag = "--default-runtime=crun"
	const file = "etc/default/docker"
	const unit = "usr/lib/systemd/system/docker.service"
	const dropIn = "etc/systemd/system/docker.service.d/crun.conf"
	for _, test := range []struct {
		name, where string
		arrange     func(*fakeHost)
	}{
		{"in the unit", "/" + unit + ":2", func(h *fakeHost) {
			h.write(unit, "[Service]\nExecStart=/usr/bin/dockerd "+flag+"\n")
			h.units.unit.ExecStart = []string{"/usr/bin/dockerd", flag}
		}},
		{"in a drop-in", "/" + dropIn + ":4", func(h *fakeHost) {
			h.write(unit, "[Service]\nExecStart=/usr/bin/dockerd -H fd://\n")
			h.write(dropIn, "[Service]\n# "+flag+"\nExecStart=\nExecStart=/usr/bin/dockerd "+flag+"\n")
			h.units.unit.DropIns = []string{filepath.Join(h.root, dropIn)}
			h.units.unit.ExecStart = []string{"/usr/bin/dockerd", flag}
		}},
		{"in an environment file", "/" + file + ":1", func(h *fakeHost) {
			h.write(file, "DOCKER_OPTS=\""+flag+"\"\n")
			h.units.unit.EnvironmentFiles = []string{"-" + filepath.Join(h.root, file)}
			h.units.unit.ExecStart = []string{"/usr/bin/dockerd", "-H", "fd://", "$DOCKER_OPTS"}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := freshHost(t, "{}")
			h.units.unit.FragmentPath = filepath.Join(h.root, unit)
			test.arrange(h)
			for _, command := range []string{"apply", "plan"} {
				h.refuses(exitRefused, []string{"docker.service: default-runtime is set by the flag " + flag + " in " + test.where, "hint: "}, command, "--default-runtime")
			}
			// Without the default, nothing is set twice.
			h.want(exitDone, "plan")
		})
	}
}

func TestFault_J11_AMatchingHostIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	before := h.snapshot()
	for _, args := range [][]string{
		{"apply"},
		{"apply", "--release=" + older, "--default-runtime"},
		{"apply", "--format=json"},
		{"plan", "--detailed-exitcode"},
		{"verify"},
	} {
		h.want(exitDone, args...)
		h.untouched(before)
	}
}

// Everything in daemon.json except our keys may be secret.
func TestOutput_HidesSecretsOfDaemonJSON(t *testing.T) {
	t.Parallel()
	need.Root(t)
	text := `{
  "proxies": {
    "http-proxy": "http://user:` + secret + `@proxy:3128"
  },
  "log-driver": "splunk",
  "log-opts": { "splunk-token": "` + secret + `", "splunk-url": "https://c/` + secret + `" }
}
`
	h := freshHost(t, text)
	for _, args := range [][]string{
		{"plan", "-v"},
		{"plan", "-v", "--format=json"},
		{"apply", "-v", "--release=" + older, "--default-runtime"},
		{"plan", "-v", "--release=" + newer},
		{"apply", "-v", "--format=json", "--release=" + newer},
		{"verify", "-v"},
		{"verify", "-v", "--format=json"},
	} {
		got := h.want(exitDone, args...)
		if strings.Contains(got.stdout+got.stderr, secret) {
			t.Errorf("%v: got %v\nwant it without the secret", args, got)
		}
	}
	if n := strings.Count(h.read("etc/docker/daemon.json"), secret); n != 3 {
		t.Errorf("got the secret %d times in daemon.json, want it 3 times as before", n)
	}
}
