package kill

import (
	"strings"

	"runsc-provisioner/test/lab"
)

const (
	start      = `{"debug":false}`
	runtimes   = `"runtimes":{"runsc":{"path":"/usr/local/lib/gvisor/`
	arguments  = `/runsc","runtimeArgs":["--ignore-cgroups"]}}`
	olderSet   = `{"debug":false,` + runtimes + older + arguments + `}`
	olderAll   = `{"debug":false,` + runtimes + older + arguments + `,"default-runtime":"runsc"}`
	newerAll   = `{"debug":false,` + runtimes + newer + arguments + `,"default-runtime":"runsc"}`
	remapped   = `{"debug":false,` + runtimes + older + arguments + `,"default-runtime":"runsc","userns-remap":"default"}`
	explicit   = `{"debug":false,"runtimes":{},"default-runtime":"runc"}`
	olderRunsc = "runsc /usr/local/lib/gvisor/" + older + "/runsc"
	newerRunsc = "runsc /usr/local/lib/gvisor/" + newer + "/runsc"

	// nothing makes dockerd forget what it knows of us, and removes our files.
	nothing = `systemctl reset-failed docker.service docker.socket
rm -rf /usr/local/lib/gvisor /var/lib/runsc-provisioner /usr/local/bin/runsc /etc/runsc-provisioner/config.d/50-apply.toml
mkdir -p /etc/docker; printf '%s' '` + explicit + `' > /etc/docker/daemon.json
systemctl reload docker
until docker info -f '{{.DefaultRuntime}} {{.Runtimes}}' | grep '^runc ' | grep -qv runsc; do :; done
printf '%s' '` + start + `' > /etc/docker/daemon.json
`
	keepOne = "docker run -d --runtime=runc " + lab.Image + " sleep 100000"
)

// fails makes every container under runsc fail, and no proof outside Docker:
// what containerd starts may not execute the store.
var fails = map[string]lab.File{"/etc/systemd/system/containerd.service.d/50-lab.conf": {Content: "[Service]\nNoExecPaths=-/usr/local/lib\n"}}

func scenarios() []scenario {
	first := scenario{
		name: "first apply", suite: "trixie", setup: keepOne, reset: nothing,
		run:   "runsc-provisioner apply --default-runtime --release " + older,
		texts: []string{start, olderSet, olderAll},
		next:  "runsc-provisioner apply --default-runtime --release " + older, then: []string{olderRunsc},
	}
	again := first
	again.suite = "bookworm"
	return []scenario{
		first,
		{
			name: "upgrade", suite: "trixie",
			setup: nothing + "runsc-provisioner apply --default-runtime --release " + older + "\n" + keepOne + "\ndocker run -d " + lab.Image + " sleep 100000",
			reset: "runsc-provisioner apply --release " + older + "\nrm -rf /usr/local/lib/gvisor/" + newer + " /usr/local/lib/gvisor/.archive/" + newer + " /var/lib/runsc-provisioner/proofs /var/lib/runsc-provisioner/validated",
			run:   "runsc-provisioner apply --release " + newer,
			texts: []string{olderAll, newerAll},
			next:  "runsc-provisioner apply --release " + newer, then: []string{newerRunsc},
		},
		{
			name: "rolled back", suite: "trixie", files: fails, setup: keepOne, reset: nothing,
			run: "runsc-provisioner apply --default-runtime --release " + older, code: 3,
			texts: []string{start, olderSet, explicit},
			// It finishes the registration, and sees that nothing starts under it, or it
			// reverts it, and does not find the runtime.
			next: "runsc-provisioner prove; code=$?; [ $code = 1 ] && code=78; exit $code", after: 78,
			then: []string{"runc", strings.Replace(olderRunsc, "runsc", "runc", 1)},
		},
		{
			name: "restart", suite: "trixie", stops: true,
			files: map[string]lab.File{"/etc/runsc-provisioner/config.d/60-remap.toml": {Content: "[docker]\nuserns_remap = \"default\"\n"}},
			reset: `systemctl reset-failed docker.service docker.socket
if docker info -f '{{.SecurityOptions}}' | grep -q name=userns; then printf '%s' '` + start + `' > /etc/docker/daemon.json; systemctl restart docker; fi
systemctl reset-failed docker.service docker.socket
` + nothing + "runsc-provisioner apply --once --config-dir /root/none --default-runtime --runtime-arg=--ignore-cgroups --url https://releases.lab/gvisor/releases --release " + older + "; rm -f /var/lib/runsc-provisioner/proofs /var/lib/runsc-provisioner/validated",
			run:   "runsc-provisioner apply --default-runtime --release " + older,
			texts: []string{olderAll, remapped},
			next:  "runsc-provisioner apply --default-runtime --release " + older, then: []string{olderRunsc + " remapped"},
		},
		again,
	}
}
