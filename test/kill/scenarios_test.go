package kill

import (
	"strings"

	"runsc-provisioner/test/lab"
)

const (
	start     = `{"debug":false}`
	runtimes  = `"runtimes":{"runsc":{"path":"/usr/local/lib/gvisor/`
	arguments = `/runsc","runtimeArgs":["--ignore-cgroups","--overlay2=none","--dcache=0"]}}`
	olderSet  = `{"debug":false,` + runtimes + older + arguments + `}`
	olderAll  = `{"debug":false,` + runtimes + older + arguments + `,"default-runtime":"runsc"}`
	newerAll  = `{"debug":false,` + runtimes + newer + arguments + `,"default-runtime":"runsc"}`
	remapped  = `{"debug":false,` + runtimes + older + arguments + `,"default-runtime":"runsc","userns-remap":"default"}`
	// the same without a daemon.json
	olderAllEmpty = `{` + runtimes + older + arguments + `,"default-runtime":"runsc"}`
	remappedEmpty = `{` + runtimes + older + arguments + `,"default-runtime":"runsc","userns-remap":"default"}`

	switchOn  = "runsc-provisioner apply --default-runtime --userns-remap --allow-hidden-data --migrate-images --release " + older
	switchOff = "runsc-provisioner apply --default-runtime --userns-remap=off --allow-hidden-data --purge --release " + older

	// a host without a daemon.json, where runsc is not the default
	olderSetEmpty = `{` + runtimes + older + arguments + `}`

	buildsOn  = "runsc-provisioner apply --builds --allow-restart --release " + older
	buildsOff = "runsc-provisioner apply --builds=runc --allow-restart --release " + older
	// resetBuilds lets a way there be proven again, and systemd start Docker as often as it needs to.
	resetBuilds = "\nsystemctl reset-failed docker.service docker.socket\nrm -f /var/lib/runsc-provisioner/proofs /var/lib/runsc-provisioner/validated"
	// buildFiles are the files of builds, and the setting of the running dockerd.
	buildFiles = `ls /usr/local/lib/gvisor/builds /etc/systemd/system/docker.service.d 2>/dev/null | grep -v '^$\|:$'; tr '\0' '\n' < /proc/$(systemctl show -P MainPID docker.service)/environ | grep ^DOCKER_BUILDKIT`

	// applied is a host on which the daemon may enforce the default runtime.
	applied    = "said=$(runsc-provisioner apply --default-runtime --release " + older + " 2>&1) || { echo \"$said\"; exit 1; }"
	applyOlder = "runsc-provisioner apply --default-runtime --release " + older
	// nothingOfOurs succeeds if nothing is left of this program but itself.
	nothingOfOurs = `! ls -d /usr/local/bin/runsc /usr/local/lib/gvisor /var/lib/runsc-provisioner`
	uninstallAll  = "runsc-provisioner uninstall --purge --allow-restart --allow-hidden-data"

	explicit   = `{"debug":false,"runtimes":{},"default-runtime":"runc"}`
	olderRunsc = "runsc /usr/local/lib/gvisor/" + older + "/runsc"
	newerRunsc = "runsc /usr/local/lib/gvisor/" + newer + "/runsc"

	// nothing makes dockerd forget our settings, and removes our files.
	nothing = `systemctl reset-failed docker.service docker.socket
rm -rf /usr/local/lib/gvisor /var/lib/runsc-provisioner /usr/local/bin/runsc /etc/runsc-provisioner/config.d/50-apply.toml
mkdir -p /etc/docker; printf '%s' '` + explicit + `' > /etc/docker/daemon.json
systemctl reload docker
until docker info -f '{{.DefaultRuntime}} {{.Runtimes}}' | grep '^runc ' | grep -qv runsc; do :; done
printf '%s' '` + start + `' > /etc/docker/daemon.json
`
	// recorded succeeds if before.json has the values from before, and none of
	// ours.
	recorded = `grep -qF '"text": "{\"debug\":false}"' /var/lib/runsc-provisioner/before.json && ! grep -q 'gvisor/2026' /var/lib/runsc-provisioner/before.json`
	keepOne  = "docker run -d --runtime=runc " + lab.Image + " sleep 100000"
)

// fails makes every container under runsc fail, but no proof outside Docker:
// programs that containerd starts may not execute the store.
var fails = map[string]lab.File{"/etc/systemd/system/containerd.service.d/50-lab.conf": {Content: "[Service]\nNoExecPaths=-/usr/local/lib\n"}}

func scenarios() []scenario {
	first := scenario{
		name: "first apply", suite: "trixie", setup: keepOne, reset: nothing,
		run:   "runsc-provisioner apply --default-runtime --release " + older,
		texts: []string{start, olderSet, olderAll},
		next:  "runsc-provisioner apply --default-runtime --release " + older, then: []string{olderRunsc},
		holds: recorded,
	}
	again := first
	again.suite = "bookworm"
	// uninstall takes away whatever a killed run has left.
	taken := first
	taken.name, taken.swept, taken.holds = "taken away after a first apply", true, nothingOfOurs
	taken.next, taken.then = "runsc-provisioner uninstall --purge", []string{"runc"}
	return []scenario{
		first,
		{
			name: "upgrade", suite: "trixie",
			setup: nothing + "runsc-provisioner apply --default-runtime --release " + older + "\n" + keepOne + "\ndocker run -d " + lab.Image + " sleep 100000",
			reset: "said=$(runsc-provisioner apply --allow-downgrade --release " + older + " 2>&1) || { echo \"$said\"; exit 1; }\nrm -rf /usr/local/lib/gvisor/" + newer + " /usr/local/lib/gvisor/.archive/" + newer + " /var/lib/runsc-provisioner/proofs /var/lib/runsc-provisioner/validated",
			run:   "runsc-provisioner apply --release " + newer,
			texts: []string{olderAll, newerAll},
			next:  "runsc-provisioner apply --release " + newer, then: []string{newerRunsc},
		},
		{
			name: "rolled back", suite: "trixie", files: fails, setup: keepOne, reset: nothing,
			run: "runsc-provisioner apply --default-runtime --release " + older, code: 3,
			texts: []string{start, olderSet, explicit},
			// It either finishes the registration, and finds that no container
			// starts, or reverts it, and does not find the runtime.
			next: "runsc-provisioner prove; code=$?; [ $code = 1 ] && code=78; exit $code", after: 78,
			then: []string{"runc", strings.Replace(olderRunsc, "runsc", "runc", 1)},
		},
		{
			name: "remap on", suite: "trixie", stops: true,
			reset: `systemctl reset-failed docker.service docker.socket
if docker info -f '{{.SecurityOptions}}' | grep -q name=userns; then printf '%s' '` + start + `' > /etc/docker/daemon.json; systemctl restart docker; fi
systemctl reset-failed docker.service docker.socket
` + nothing + `userdel dockremap 2>/dev/null; rm -rf /etc/subuid* /etc/subgid* /var/lib/docker/[0-9]*.[0-9]*; touch /etc/subuid /etc/subgid
mkdir -p /root/none; printf '[release]\ntrust = "checksum"\n' >/root/none/config.toml; runsc-provisioner apply --once --config-dir /root/none --default-runtime --runtime-arg=--ignore-cgroups --url https://releases.lab/gvisor/releases --release ` + older + "; rm -f /var/lib/runsc-provisioner/proofs /var/lib/runsc-provisioner/validated",
			run: switchOn, texts: []string{olderAll, remapped},
			next: switchOn, then: []string{olderRunsc + " remapped"},
			holds: "docker image inspect " + lab.Image + ` >/dev/null && [ "$(cat /etc/subuid /etc/subgid | sort | uniq -c | tr -s ' ')" = ' 2 dockremap:100000:65536' ] && ! ls -A /etc | grep 'sub.id\.\|runsc-provisioner-'`,
		},
		{
			name: "remap off", suite: "trixie", stops: true,
			reset: "systemctl reset-failed docker.service docker.socket\nsaid=$(" + switchOn + ") || { echo \"$said\"; exit 1; }\nsystemctl reset-failed docker.service docker.socket\nrm -f /var/lib/runsc-provisioner/proofs /var/lib/runsc-provisioner/validated",
			run:   switchOff, texts: []string{olderAllEmpty, remappedEmpty},
			next: switchOff, then: []string{olderRunsc},
			holds: "docker image inspect " + lab.Image + ` >/dev/null && [ -z "$(cat /etc/subuid /etc/subgid)" ] && ! grep dockremap /etc/passwd /etc/group && ! ls -A /etc | grep 'sub.id\.\|runsc-provisioner-'`,
		},
		again,
		taken,
		{
			name: "taken away after remap and builds", suite: "trixie", swept: true, stops: true,
			reset: "systemctl reset-failed docker.service docker.socket\nsaid=$(" + applyOlder + "; " + uninstallAll + "; " + applyOlder + ") || { echo \"$said\"; exit 1; }\nsystemctl reset-failed docker.service docker.socket",
			run:   switchOn + " --builds --allow-restart", texts: []string{olderAllEmpty, remappedEmpty},
			next: uninstallAll, then: []string{"runc"},
			holds: `[ ! -e /etc/docker/daemon.json ] && ` + nothingOfOurs + ` && [ -z "$(` + buildFiles + `)" ] && [ -z "$(cat /etc/subuid /etc/subgid)" ] && ! grep dockremap /etc/passwd /etc/group`,
		},
		{
			name: "builds on", suite: "trixie", stops: true,
			reset: "systemctl reset-failed docker.service docker.socket\nsaid=$(" + buildsOff + ") || { echo \"$said\"; exit 1; }" + resetBuilds,
			run:   buildsOn, texts: []string{olderSetEmpty},
			next: buildsOn, then: []string{"runc /usr/local/lib/gvisor/" + older + "/runsc"},
			holds: `[ "$(` + buildFiles + `)" = "$(printf '50-runsc-provisioner-builds.conf\nrunc\nDOCKER_BUILDKIT_RUNC_COMMAND=/usr/local/lib/gvisor/builds/runc')" ]`,
		},
		{
			name: "builds off", suite: "trixie", stops: true,
			reset: "systemctl reset-failed docker.service docker.socket\nsaid=$(" + buildsOn + ") || { echo \"$said\"; exit 1; }" + resetBuilds,
			run:   buildsOff, texts: []string{olderSetEmpty},
			next: buildsOff, then: []string{"runc /usr/local/lib/gvisor/" + older + "/runsc"},
			holds: `[ -z "$(` + buildFiles + `)" ]`,
		},
		{
			name: "uninstall", suite: "trixie", setup: nothing + keepOne,
			reset: applied, run: "runsc-provisioner uninstall", texts: []string{olderAll, explicit, start},
			next: "runsc-provisioner uninstall", then: []string{"runc"},
			holds: `[ "$(cat /etc/docker/daemon.json)" = '` + start + `' ] && ! ls /usr/local/bin/runsc /var/lib/runsc-provisioner/accepted*`,
		},
		{
			name: "uninstall everything", suite: "bookworm", swept: true, setup: nothing + keepOne, stops: true,
			reset: applied + "\nsystemctl enable --now runsc-provisioner",
			run:   "runsc-provisioner uninstall --purge", texts: []string{olderAll, explicit, start},
			next: "runsc-provisioner uninstall --purge", then: []string{"runc"},
			holds: `[ "$(cat /etc/docker/daemon.json)" = '` + start + `' ] && ` + nothingOfOurs + ` && ! systemctl is-enabled runsc-provisioner`,
		},
		{
			name: "uninstall with a restart", suite: "trixie", swept: true, stops: true,
			reset: "systemctl reset-failed docker.service docker.socket\nsaid=$(" + switchOn + " --builds --allow-restart) || { echo \"$said\"; exit 1; }" + resetBuilds,
			run:   uninstallAll, texts: []string{remappedEmpty, "{}"},
			next: uninstallAll, then: []string{"runc"},
			holds: `[ ! -e /etc/docker/daemon.json ] && ` + nothingOfOurs + ` && [ -z "$(` + buildFiles + `)" ] && [ -z "$(cat /etc/subuid /etc/subgid)" ] && ! grep dockremap /etc/passwd /etc/group`,
		},
		{
			name: "rollback", suite: "trixie", swept: true,
			setup: nothing + "runsc-provisioner apply --default-runtime --once --release " + older,
			reset: "runsc-provisioner apply --upgrade --default-runtime",
			run:   "runsc-provisioner rollback",
			texts: []string{olderAll, newerAll},
			// A kill before the record of what was withdrawn leaves all as it was.
			next: "runsc-provisioner apply", then: []string{olderRunsc, newerRunsc},
		},
	}
}
