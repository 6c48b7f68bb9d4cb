package kill

import (
	"fmt"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

const (
	// forgotten makes dockerd forget our settings, and keeps the store.
	forgotten = `systemctl reset-failed docker.service docker.socket
rm -rf /var/lib/runsc-provisioner /usr/local/bin/runsc /etc/runsc-provisioner/config.d/50-apply.toml
printf '%s' '` + explicit + `' > /etc/docker/daemon.json
systemctl is-active -q docker && systemctl reload docker || systemctl start docker
until docker info -f '{{.DefaultRuntime}} {{.Runtimes}}' | grep '^runc ' | grep -qv runsc; do :; done
printf '%s' '` + start + `' > /etc/docker/daemon.json
`
	begin   = "runsc-provisioner apply --default-runtime --release " + older
	journal = "/var/lib/runsc-provisioner/journal.json"
	// failed is in the journal of a run that was rolling back.
	failed = `sed -i 's/"pid"/"failed": true, "pid"/' ` + journal + "\n"
	// leftDown leaves a Docker that did not start after our restart, and that
	// no request to its socket starts.
	leftDown = `sed -i 's/"pid"/"restarting": true, "pid"/' ` + journal + `
touch /run/broken; systemctl restart docker; systemctl stop docker.socket; rm /run/broken; systemctl is-failed -q docker || exit 1
`
)

// breakable gives the host a dockerd that exits at once while /run/broken
// exists.
var breakable = map[string]lab.File{
	"/usr/local/sbin/dockerd": {Mode: 0o755, Content: "#!/bin/bash\n[ -e /run/broken ] && exit 1\nexec -a /usr/local/sbin/dockerd /usr/sbin/dockerd \"$@\"\n"},
	"/etc/systemd/system/docker.service.d/50-lab.conf": {
		Content: "[Service]\nRestart=no\nExecStart=\nExecStart=/usr/local/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock\n",
	},
}

// killedAt returns the script of a first apply that is killed at a point.
func killedAt(point string) string {
	return forgotten + "RUNSC_FAILPOINT='" + point + "' " + begin + " >/run/out 2>&1; [ $? = 137 ] || { cat /run/out; exit 1; }\n"
}

// recoveries are killed runs, each with the host as the recovering run finds
// it. That run is `prove`, which settles the journal and changes nothing else.
func recoveries() []scenario {
	all := []scenario{
		{name: "finishes", reset: killedAt("done: write"), texts: []string{start, olderSet}},
		{name: "undoes", reset: killedAt("done: reload") + failed, code: 78, texts: []string{start, olderSet, explicit}},
		{
			name: "undoes after another start", stops: true, code: 78, texts: []string{start, olderSet, explicit},
			reset: killedAt("done: reload") + failed + "systemctl restart docker\n",
		},
		{
			name: "starts what is down", stops: true, down: true, code: 78, texts: []string{start, olderSet},
			reset: killedAt("done: reload") + failed + leftDown,
		},
		{
			name: "sets aside", aside: true, code: 78, texts: []string{olderSet},
			reset: killedAt("done: write") + `sed -i '/"target"/s,daemon,other,' ` + journal + "\n",
		},
	}
	for i := range all {
		s := &all[i]
		s.run, s.next, s.then = "runsc-provisioner prove", begin, []string{olderRunsc}
	}
	return all
}

// The recovering run is itself killed at each instant of its recovery. The run
// after it must succeed: no host is stuck.
func TestFault_X01_KilledInRecovery(t *testing.T) {
	host := boot(t, scenario{name: "recovery", suite: "trixie", files: breakable}, lab.BuildWithFailpoints(t))
	if _, err := host.shell(0, nothing+begin+"\n"+keepOne); err != nil {
		t.Fatal(err)
	}
	var killed, stuck int
	distinct := map[string]bool{}
	for _, s := range recoveries() {
		t.Run(s.name, func(t *testing.T) {
			one := sweeper{scenario: s, Host: host.Host, t: t}
			k, i, names := one.sweep(func(points []string) []int { return numbers(t, untilDone(points)) })
			killed, stuck = killed+k, stuck+i
			for _, name := range names {
				distinct[s.name+": "+name] = true
			}
		})
	}
	fmt.Printf("recovery killed %d times at %d distinct points, %d hosts stuck\n", killed, len(distinct), stuck)
}

// untilDone returns how many of the points belong to the recovery, not to the
// proof after it.
func untilDone(points []string) int {
	for i, name := range points {
		if strings.HasPrefix(name, "proof: ") || name == "journal: before it is begun" {
			return i
		}
	}
	return len(points)
}
