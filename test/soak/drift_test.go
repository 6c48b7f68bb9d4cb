package soak

import "fmt"

const (
	daemonJSON = "/etc/docker/daemon.json"
	link       = "/usr/local/bin/runsc"
	store      = "/usr/local/lib/gvisor"
	newer      = "20260914.0"
	dir        = store + "/" + newer
	ownConfig  = "/etc/runsc-provisioner/config.d/60-soak.toml"
)

// A drift is one way to change a host. Its script has $new, a file with a
// foreign daemon.json.
type drift struct {
	name   string
	script string
	edits  bool // it leaves $new in daemon.json, except for our keys
	starts int  // how often it makes Docker start
	files  bool // it touches the release
	image  bool // it needs a running Docker
}

var drifts = []drift{
	{name: "written in place", script: "cat $new > $f", edits: true},
	{name: "renamed over", script: "cp $new $f.theirs; mv $f.theirs $f", edits: true},
	{name: "truncated", script: ": > $f"},
	{name: "deleted", script: "rm -f $f"},
	{name: "directory removed", script: "rm -rf /etc/docker"},
	// On a busy machine the pause may be longer than the daemon waits for a directory to come back. It then makes one.
	{name: "directory replaced", script: "rm -rf /etc/docker.new /etc/docker.old; mkdir /etc/docker.new; cp $new /etc/docker.new/daemon.json; mv -T /etc/docker /etc/docker.old; sleep 0.$((RANDOM % 4)); mv -T /etc/docker.new /etc/docker || cp $new $f", edits: true},
	{name: "half-written, finished later", script: "mkdir -p /etc/docker; head -c 9 $new > $f; sleep 0.3; tail -c +10 $new >> $f", edits: true},
	{name: "another default, and a reload", script: `mkdir -p /etc/docker; echo '{"default-runtime": "runc"}' > $f; systemctl reload docker || true`},
	{name: "another program, and a reload", script: `mkdir -p /etc/docker; echo '{"runtimes": {"runsc": {"path": "/bin/true"}}}' > $f; systemctl reload docker || true`},
	{name: "link removed", script: "rm -f " + link},
	{name: "link to another release", script: "ln -sfn " + store + "/20200101.0/runsc " + link},
	{name: "a file of the release deleted", script: "rm -f " + dir + "/gvisor-bin/gvisor_sentry", files: true},
	{name: "runsc unreadable", script: "chmod 000 " + dir + "/runsc || true", files: true},
	{name: "one byte of runsc", script: "cp -p " + dir + "/runsc /root/r && printf X | dd of=/root/r bs=1 seek=$RANDOM conv=notrunc status=none && touch -r " + dir + "/runsc /root/r && mv /root/r " + dir + "/runsc", files: true},
	{name: "the release removed", script: "rm -rf " + dir, files: true},
	{name: "our configuration deleted for a while", script: "mv " + ownConfig + " /root/own; echo '{}' > $f; sleep 0.5; mv /root/own " + ownConfig},
	{name: "Docker restarted", script: "systemctl reset-failed docker docker.socket; systemctl restart docker", starts: 1},
	{name: "dockerd killed", script: "systemctl reset-failed docker docker.socket; kill -9 $(systemctl show -p MainPID --value docker); until systemctl is-active -q docker; do sleep 0.1; done", starts: 1},
	{name: "containers come and go", script: "docker run --rm $image true; docker run --rm --runtime=runc $image true", image: true},
}

// theirs returns a foreign daemon.json, different in each round.
func theirs(n int) string { return fmt.Sprintf("{\n  \"labels\": [\"round=%d\"]\n}\n", n) }
