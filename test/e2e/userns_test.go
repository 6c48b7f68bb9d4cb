package e2e

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// engines are the kinds of hosts on which userns-remap is switched on and off. The newest dockerd takes minutes
// to build, and is for `make matrix`.
func engines() []lab.Options {
	all := []lab.Options{{Suite: "bookworm"}, {Suite: "trixie"}}
	if os.Getenv("RUNSC_MATRIX") == "1" {
		all = append(all, lab.Options{Suite: "trixie", Engine: lab.Newest})
	}
	return all
}

func onEngines(t *testing.T, test func(*testing.T, host)) {
	t.Helper()
	t.Parallel()
	for _, o := range engines() {
		name := o.Suite
		if o.Engine != "" {
			name = o.Engine
		}
		t.Run(name, func(t *testing.T) {
			o.Name = "userns-" + name
			test(t, boot(t, o))
		})
	}
}

const (
	switchOnOnly = "runsc-provisioner apply --userns-remap"
	switchOn     = switchOnOnly + " --allow-hidden-data"
	switchOff    = "runsc-provisioner apply --userns-remap=off --allow-hidden-data"
	// dockerNow prints the settings of dockerd that a switch changes.
	dockerNow = `docker info -f '{{.DockerRootDir}} {{range .SecurityOptions}}{{if eq . "name=userns"}}remapped{{end}}{{end}}'; docker ps -aq --no-trunc | sort; docker images -q --no-trunc | sort; docker volume ls -q; docker network ls -q -f type=custom`
)

func (h host) loadImage() {
	h.t.Helper()
	if err := h.LoadImage(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// refused checks that a plan and an apply, each with its own flags, exit with code and give the reasons, and
// that daemon.json stays unchanged.
func (h host) refused(code int, plan, apply string, why ...string) {
	h.t.Helper()
	text := h.read(daemonJSON)
	for _, command := range []string{"plan " + plan, "apply --once " + apply} {
		says(h.t, h.exit(code, "runsc-provisioner "+command), why...)
	}
	if got := h.read(daemonJSON); got != text {
		h.t.Errorf("got daemon.json %s, want %s", got, text)
	}
}

// uids are the uids of processes with a name on their command line.
func (h host) uids(pattern string) string {
	h.t.Helper()
	return h.run(uidsOf(pattern))
}

// uidsOf is the command that prints them, and their maps of uids.
func uidsOf(pattern string) string {
	return `for p in $(pgrep -f '` + pattern + `'); do stat -c %u /proc/$p; cat /proc/$p/uid_map | tr -s ' '; done | sort -u | tr '\n' ';'`
}

func TestUserns_OnAndOffAgain(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		t.Log(h.run("docker version -f '{{.Server.Version}}'"))
		h.run("runsc-provisioner apply --default-runtime")
		h.run("docker volume create data; docker network create --driver bridge custom; docker run --name old -v data:/data --runtime=runc " + lab.Image + " sh -c 'echo kept > /data/file'")
		before, text := h.run(dockerNow), h.read(daemonJSON)

		var planned lab.Result
		// U01: a plan lists what would be hidden, and an apply holds the switch.
		for _, command := range []string{"plan --detailed-exitcode --userns-remap", "apply --userns-remap"} {
			planned = h.exit(4, "runsc-provisioner "+command)
			says(t, planned, "image      "+lab.Image, "MiB", "container  old", "exited", "volume     data", "network    custom",
				"--allow-hidden-data", "--migrate-images", "tar --numeric-owner -C /var/lib/docker/volumes/data/_data")
		}
		if got := h.run(dockerNow + "; grep -c dockremap /etc/subuid || true"); got != before+"\n0" || h.read(daemonJSON) != text {
			t.Errorf("got %s\nand %s\nwant nothing changed", got, h.read(daemonJSON))
		}
		says(t, h.exit(0, switchOn), "create the user dockremap", "/etc/subuid: give dockremap the ids 100000–165535", "restart", "100000.100000")
		h.loadImage()
		if got := h.run("docker info -f '{{.DockerRootDir}}'; cat /etc/subuid /etc/subgid; docker ps -aq; docker volume ls -q"); got != "/var/lib/docker/100000.100000\ndockremap:100000:65536\ndockremap:100000:65536" {
			t.Errorf("got %s, want another data root, one range in each file and no container", got)
		}
		h.run("docker run -d --name plain --runtime=runc " + lab.Image + " sleep 1001; docker run -d --name boxed " + lab.Image + " sleep 1002")
		for _, name := range []string{"[s]leep 1001", "runsc-[s]andbox", "runsc-[g]ofer"} {
			if got := strings.TrimSpace(h.uids(name)); got != "0 100000 65536;100000;" {
				t.Errorf("%s: got %q, want uid 100000 and the map of the range", name, got)
			}
		}
		// The command that the plan shows beside a volume copies it.
		_, command, _ := strings.Cut(planned.Stdout, "volume     data  ")
		command, _, _ = strings.Cut(command[strings.Index(command, "tar "):], "\n")
		h.run(strings.Replace(command, "IMAGE", lab.Image, 1))
		if got := h.run("docker run --rm -v data:/data " + lab.Image + " cat /data/file; stat -c %u /var/lib/docker/100000.100000/volumes/data/_data/file"); got != "kept\n100000" {
			t.Errorf("%s: got %q, want the file, of the first uid", command, got)
		}
		r, err := h.Run(t.Context(), "runsc-provisioner", "verify")
		if err != nil {
			t.Fatal(err)
		}
		says(t, r, "id ranges", "dockremap: uids 100000–165535, gids 100000–165535", "remapped")
		if strings.Contains(r.Stdout, "critical") || strings.Contains(r.Stdout, "unknown") {
			t.Errorf("got %v, want no worse than a warning", r)
		}
		mtime := h.run("stat -c %y " + daemonJSON + " /etc/subuid /etc/subgid")
		says(t, h.exit(0, "runsc-provisioner apply --userns-remap"), "nothing to do")
		if got := h.run("stat -c %y " + daemonJSON + " /etc/subuid /etc/subgid"); got != mtime {
			t.Errorf("a second time: got %s, want %s", got, mtime)
		}
		h.run("docker run -d --name hostly --userns=host " + lab.Image + " sleep 1003")
		says(t, h.exit(1, "runsc-provisioner verify"), "hostly", "--userns=host")
		h.run("docker rm -f hostly")

		// A user who may use Docker may plan.
		says(t, h.exit(0, "useradd -G docker carl; runuser -u carl -- runsc-provisioner plan --userns-remap=off"), "held: userns-remap off", "boxed")

		// Off again, with consent to stop what runs.
		says(t, h.exit(4, "runsc-provisioner apply --userns-remap=off"), "boxed", "--allow-restart", "--allow-hidden-data")
		h.run(switchOff + " --allow-restart")
		if got := h.run(dockerNow); got != before {
			t.Errorf("off again: got %s\nwant %s", got, before)
		}
		if got := h.read(daemonJSON); got != text {
			t.Errorf("off again: got daemon.json %s, want %s", got, text)
		}
		if got := h.run("docker run --rm -v data:/data --runtime=runsc " + lab.Image + " cat /data/file"); got != "kept" {
			t.Errorf("got %q in the volume, want kept", got)
		}
		h.run("grep -q dockremap /etc/subuid && grep -q dockremap /etc/passwd")
		says(t, h.exit(0, "runsc-provisioner apply"), "nothing to do")
		h.run("runsc-provisioner apply --userns-remap=off --purge")
		if got := h.run("sed -i /carl/d /etc/subuid /etc/subgid; cat /etc/subuid /etc/subgid; grep dockremap /etc/passwd /etc/group || true"); got != "" {
			t.Errorf("purged: got %s, want nothing of dockremap", got)
		}
		says(t, h.exit(0, "runsc-provisioner apply --purge"), "nothing to do")
		h.run("test ! -e /var/lib/runsc-provisioner/ids")
		h.settled()
	})
}

// dockerd 28 and later would give dockremap ids that another user has.
func TestUserns_BesideAlice(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		h.run("useradd alice; echo alice:100000:65536 | tee /etc/subuid > /etc/subgid; " + switchOn)
		if got := h.run("cat /etc/subuid /etc/subgid; docker info -f '{{.DockerRootDir}}'"); got != strings.Repeat("alice:100000:65536\ndockremap:165536:65536\n", 2)+"/var/lib/docker/165536.165536" {
			t.Errorf("got %s, want ids of dockremap's own", got)
		}
	})
}

func TestFault_U02_RunningContainersAreNeverOrphaned(t *testing.T) {
	t.Parallel()
	for _, alive := range []bool{false, true} {
		t.Run(fmt.Sprintf("live-restore %t", alive), func(t *testing.T) {
			h := boot(t, lab.Options{Name: fmt.Sprintf("u02-%t", alive), Files: map[string]lab.File{daemonJSON: {Content: fmt.Sprintf(`{"live-restore": %t}`, alive)}}})
			h.run("runsc-provisioner apply --default-runtime")
			id := h.run("docker run -d --name precious " + lab.Image + " sleep 1000")
			text := h.read(daemonJSON)
			// state is the container as dockerd and the host see it.
			state := "docker inspect -f '{{.State.Running}} {{.State.Pid}}' " + id + "; pgrep -f 'runsc-[s]andbox' | wc -l"
			before := h.run(state)
			commands := []string{switchOn}
			if alive {
				commands = append(commands, switchOn+" --allow-restart")
			}
			for _, command := range commands {
				says(t, h.exit(4, command), "held", "precious")
				if got := h.run(state); got != before || h.read(daemonJSON) != text {
					t.Errorf("%s: got %s and %s, want nothing changed", command, got, h.read(daemonJSON))
				}
			}
			if alive {
				h.run("docker stop -t 0 precious")
			}
			h.run(switchOn + " --allow-restart")
			if got := h.run("pgrep -f 'runsc-[s]andbox' | wc -l"); got != "0" {
				t.Errorf("got %s sandboxes after the switch, want the container stopped and not orphaned", got)
			}
			// Switching off is held in the same way.
			h.loadImage()
			h.run("docker run -d --name other " + lab.Image + " sleep 1000")
			says(t, h.exit(4, switchOff), "held", "other")
			if alive {
				says(t, h.exit(4, switchOff+" --allow-restart"), "held", "other")
				h.run("docker stop -t 0 other")
			}
			h.run(switchOff + " --allow-restart")
			if got := h.run("pgrep -f 'runsc-[s]andbox' | wc -l; docker start precious; docker inspect -f '{{.State.Running}}' precious"); got != "0\nprecious\ntrue" {
				t.Errorf("got %s, want no sandbox left, and the earlier container started", got)
			}
		})
	}
}

// A container that starts between the plan and the restart is not lost.
func TestFault_U02_AContainerThatStartsMeanwhile(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{
		daemonJSON: {Content: `{"live-restore": true}`},
		// useradd is the second-last step before Docker is touched.
		"/usr/local/sbin/useradd": {Mode: 0o755, Content: "#!/bin/sh\n/usr/sbin/useradd \"$@\" || exit\ndocker run -d --name late --runtime=runc " + lab.Image + " sleep 1000 >/dev/null\n"},
	}})
	h.run("runsc-provisioner apply --default-runtime")
	text := h.read(daemonJSON)
	says(t, h.exit(3, switchOn), "late was started meanwhile", "everything is as it was before")
	if got := h.run("docker inspect -f '{{.State.Running}}' late; pgrep -fc '[s]leep 1000'"); got != "true\n1" || h.read(daemonJSON) != text {
		t.Errorf("got %s and %s, want the container running and nothing changed", got, h.read(daemonJSON))
	}
	h.settled()
}

// If dockerd does not start without userns-remap, userns-remap is restored.
func TestFault_E05_SwitchingOffThatFails(t *testing.T) {
	h := boot(t, lab.Options{Files: wrapped(`case "$*" in *--validate*) ;; *) [ ! -e /run/needs ] || grep -qs userns-remap /etc/docker/daemon.json || { echo 'failed to start daemon: of the lab'; exit 1; } ;; esac`)})
	h.run("useradd bob; runsc-provisioner apply --default-runtime --userns-remap=bob --allow-hidden-data; touch /run/needs")
	h.loadImage()
	before, text := h.run(dockerNow), h.read(daemonJSON)
	says(t, h.exit(3, switchOff), "failed to start daemon: of the lab", "everything is as it was before")
	if got := h.run(dockerNow); got != before || h.read(daemonJSON) != text {
		t.Errorf("got %s and %s, want %s and %s", got, h.read(daemonJSON), before, text)
	}
	h.settled()

	// From one user's ids to another's, and back if that fails.
	h.run("rm /run/needs; systemctl reset-failed docker.service docker.socket; runsc-provisioner apply --userns-remap --allow-hidden-data")
	if got := h.run(dockerNow); got == before || !strings.Contains(got, " remapped") {
		t.Errorf("of another user: got %s, want another data root", got)
	}
	h.run("systemctl reset-failed docker.service docker.socket; runsc-provisioner apply --userns-remap=bob --allow-hidden-data")
	if got := h.run(dockerNow); got != before {
		t.Errorf("back: got %s, want %s", got, before)
	}
}

func TestFault_U03_Ranges(t *testing.T) {
	h := boot(t, lab.Options{Name: "u03"})
	h.run("runsc-provisioner apply --default-runtime")
	h.run("useradd alice; useradd bob; sed -i '/alice\\|bob/d' /etc/subuid /etc/subgid; docker rmi " + lab.Image)
	reset := func() {
		h.run("chattr -i /etc/subgid; chown root /etc/subuid; chmod 644 /etc/subgid; [ -L /etc/subgid ] && mv /etc/real /etc/subgid; systemctl reset-failed docker.service docker.socket; runsc-provisioner apply --userns-remap=off --purge; systemctl reset-failed docker.service docker.socket; userdel dockremap 2>/dev/null || true; rm -rf /var/lib/docker/[0-9]*.[0-9]*; : > /etc/subuid; : > /etc/subgid; cp /root/login.defs /root/nsswitch.conf /etc")
	}
	h.run("cp /etc/login.defs /etc/nsswitch.conf /root")
	for _, test := range []struct {
		name, setup, remap string
		uids, gids         string // the files afterwards
		root               string
	}{
		{name: "no range", remap: "default", uids: "dockremap:100000:65536", gids: "dockremap:100000:65536", root: "100000.100000"},
		{
			name: "another user has a range, without a final newline", remap: "default", setup: "printf alice:100000:65536 > /etc/subuid; printf 'alice:100000:65536\n' > /etc/subgid",
			uids: "alice:100000:65536\ndockremap:165536:65536", gids: "alice:100000:65536\ndockremap:165536:65536", root: "165536.165536",
		},
		{
			name: "overlaps another user's range, as dockerd 28 gives it", remap: "default", setup: "useradd --system --user-group dockremap; printf 'alice:100000:65536\ndockremap:100000:65536\n' | tee /etc/subuid > /etc/subgid",
			uids: "alice:100000:65536\ndockremap:165536:65536", gids: "alice:100000:65536\ndockremap:165536:65536", root: "165536.165536",
		},
		{
			name: "no entry in subgid", remap: "bob", setup: "echo bob:300000:65536 > /etc/subuid",
			uids: "bob:300000:65536", gids: "bob:300000:65536", root: "300000.300000",
		},
		{
			name: "too small a range", remap: "bob:bob", setup: "printf 'alice:100000:65536\nbob:300000:1000\n' | tee /etc/subuid > /etc/subgid",
			uids: "alice:100000:65536\nbob:300000:1000\nbob:165536:65536", gids: "alice:100000:65536\nbob:300000:1000\nbob:165536:65536", root: "300000.300000",
		},
		{
			name: "by numbers", remap: "$(id -u bob):$(id -g bob)", setup: "echo $(id -u bob):300000:65536 | tee /etc/subuid > /etc/subgid",
			uids: "$(id -u bob):300000:65536", gids: "$(id -u bob):300000:65536", root: "300000.300000",
		},
		{
			name: "login.defs", remap: "default", setup: "sed -i '/^SUB_/d' /etc/login.defs; printf 'SUB_UID_MIN 700000\nSUB_GID_MIN 700000\n' >> /etc/login.defs",
			uids: "dockremap:700000:65536", gids: "dockremap:700000:65536", root: "700000.700000",
		},
	} {
		reset()
		h.run("true; " + test.setup)
		h.run(strings.Replace(switchOn, "--userns-remap", `--userns-remap="`+test.remap+`"`, 1))
		want := h.run("echo \"" + test.uids + "\n" + test.gids + "\n/var/lib/docker/" + test.root + "\"")
		if got := h.run("cat /etc/subuid /etc/subgid; docker info -f '{{.DockerRootDir}}'"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, want)
		}
	}
	for _, test := range []struct {
		name, setup, remap string
		said               []string
	}{
		{"no such user", "", "nosuchuser", []string{"user nosuchuser is missing", "useradd --system"}},
		{"no such group", "", "bob:nosuchgroup", []string{"group nosuchgroup is missing"}},
		{"a user of the name service", "", "u03nss", []string{"u03nss", "name service"}},
		{"ids of the name service", "echo 'subid: sss' >> /etc/nsswitch.conf", "default", []string{"nsswitch.conf", "sss"}},
		{"an overlap of a named user", "printf 'alice:100000:65536\nbob:100000:65536\n' | tee /etc/subuid > /etc/subgid", "bob", []string{"bob", "alice", "/etc/subuid"}},
		{"an invalid line", "echo alice:100000 > /etc/subuid", "default", []string{"/etc/subuid:1", "alice:100000"}},
		{"an immutable file", "chattr +i /etc/subgid", "default", []string{"/etc/subgid is immutable", "chattr -i"}},
		{"a symlink", "mv /etc/subgid /etc/real; ln -s /etc/real /etc/subgid", "default", []string{"/etc/subgid", "not a regular file"}},
		{"a file of another user", "chown alice /etc/subuid", "default", []string{"/etc/subuid", "sudo chown root /etc/subuid"}},
		{"a file that others may write", "chmod 666 /etc/subgid", "default", []string{"/etc/subgid", "sudo chmod go-w /etc/subgid"}},
		{"no room in login.defs", "sed -i '/^SUB_/d' /etc/login.defs; printf 'SUB_UID_MIN 700000\nSUB_UID_MAX 700001\n' >> /etc/login.defs", "default", []string{"login.defs", "SUB_UID_MAX"}},
	} {
		reset()
		// getent finds a user that is not in passwd: a wrapper stands for NIS and LDAP.
		h.run("printf '#!/bin/sh\ncase \"$*\" in *u03nss*) echo u03nss:x:7777:7777::/:/bin/sh;; *) exec /usr/bin/getent \"$@\";; esac\n' > /usr/local/sbin/getent; chmod 755 /usr/local/sbin/getent; " + cmp.Or(test.setup, "true"))
		files := "cat /etc/subuid /etc/subgid /etc/passwd " + daemonJSON
		before := h.run(files)
		says(t, h.exit(78, strings.Replace(switchOn, "--userns-remap", "--once --userns-remap="+test.remap, 1)), test.said...)
		if got := h.run(files); got != before {
			t.Errorf("%s: got %s, want nothing changed", test.name, got)
		}
	}
	// Another program has locked the files.
	reset()
	h.run("sleep 1000 > /dev/null 2>&1 & printf '%s\\0' $! > /etc/subuid.lock")
	says(t, h.exit(75, switchOn), "locked by another program")
	// The lock of a dead process blocks nothing.
	h.run("kill $(tr -d '\\0' < /etc/subuid.lock); while kill -0 $(tr -d '\\0' < /etc/subuid.lock) 2>/dev/null; do :; done; " + switchOn)
	h.settled()
}

// Ten images of 50 MB are migrated by a run that is killed while it saves them, by one that is killed while
// dockerd loads them, and by one that is not killed.
func TestUserns_MigratesImages(t *testing.T) {
	t.Parallel()
	const begin = switchOnOnly + " --migrate-images > /tmp/out 2>&1 & pid=$!; "
	for _, o := range engines() {
		o.Name = fmt.Sprintf("migrate-%s-%s", o.Suite, cmp.Or(o.Engine, "own"))
		images := "docker images --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort"
		if o.Engine == lab.Newest { // containerd's store has other IDs
			images = strings.Replace(images, "{{.ID}} ", "", 1)
		}
		t.Run(o.Name, func(t *testing.T) {
			h := boot(t, o)
			h.run("runsc-provisioner apply --default-runtime")
			h.run("cd /var/lib/docker; for i in 1 2 3 4 5 6 7 8 9 10; do head -c 50000000 /dev/urandom > ./file; tar -c ./file | docker import - image$i:tag; done; rm ./file; docker tag image1:tag other:name; docker tag " + lab.Image + " image2:tag; docker tag image3:tag lost:tag")
			before := h.run(images)
			if n := strings.Count(before, "\n") + 1; n != 14 {
				t.Fatalf("got %d names of images, want 14:\n%s", n, before)
			}
			says(t, h.exit(0, "runsc-provisioner plan --userns-remap --migrate-images"), "save     11 images into /var/lib/runsc-provisioner/images.tar", "MiB)")

			h.run(begin + "until [ $(stat -c %s /var/lib/runsc-provisioner/images.tar 2>/dev/null || echo 0) -gt 100000000 ]; do :; done; kill -9 $pid")
			if got := h.run(images + "; docker info -f '{{.DockerRootDir}}'"); got != before+"\n/var/lib/docker" {
				t.Errorf("killed while they are written down: got %s, want nothing changed", got)
			}
			h.run(begin + "until docker info -f '{{.DockerRootDir}}' 2>/dev/null | grep -q 100000 && [ $(docker images -q | wc -l) -gt 3 ]; do :; done; kill -9 $pid")
			if got := h.run(images); strings.Count(got, "\n") >= 13 {
				t.Errorf("killed while they are read: got %s, want not all there yet", got)
			}
			if r, err := h.Run(t.Context(), "runsc-provisioner", "verify"); err != nil || r.Code != 1 || !strings.Contains(r.Stdout, "images.tar") {
				t.Errorf("got %v, %v, want a warning of images.tar", r, err)
			}
			// The killed run saved its flags after the switch.
			h.run("grep -q 'userns_remap = .default.' /etc/runsc-provisioner/config.d/50-apply.toml")
			r := h.exit(0, "runsc-provisioner apply")
			says(t, r, "load     11 images from /var/lib/runsc-provisioner/images.tar")
			if got := h.run(images); got != before {
				t.Errorf("got\n%s\nwant\n%s", got, before)
			}
			h.run("docker run --rm " + lab.Image + " true; docker create --name copy image7:tag /file; test $(docker cp copy:/file - | wc -c) -gt 50000000")
			h.settled()
			says(t, h.exit(0, "runsc-provisioner apply"), "nothing to do")
			h.run("docker rm copy; " + switchOff)
			if got := h.run(images); got != before {
				t.Errorf("in the old data root: got\n%s\nwant\n%s", got, before)
			}
		})
	}
}

func TestUserns_ImagesWithoutRoom(t *testing.T) {
	h := boot(t, lab.Options{Name: "noroom"})
	h.run("runsc-provisioner apply --default-runtime; mkdir -p /tmp/state; cp -a /var/lib/runsc-provisioner/. /tmp/state; mount -t tmpfs -o size=4m none /var/lib/runsc-provisioner; cp -a /tmp/state/. /var/lib/runsc-provisioner")
	h.refused(1, "--userns-remap --migrate-images", "--userns-remap --migrate-images", "/var/lib/runsc-provisioner: ", "MiB needed")
}

func TestFault_U04_ContainersThatWouldNotStart(t *testing.T) {
	h := boot(t, lab.Options{Name: "u04"})
	h.run("runsc-provisioner apply --default-runtime")
	for _, args := range []string{"--name=netted --network=host", "--name=pidded --pid=host", "--name=mighty --privileged", "--name=fine --privileged --network=host --userns=host", "--name=plain"} {
		h.run("docker create --runtime=runc " + args + " " + lab.Image + " true")
	}
	r := h.exit(0, "runsc-provisioner plan --userns-remap --allow-hidden-data")
	says(t, r, "netted (host network)", "pidded (host processes)", "mighty (privileged)", "--userns=host")
	if strings.Contains(r.Stdout, "fine (") || strings.Contains(r.Stdout, "plain (") {
		t.Errorf("got %s, want nothing of those that would start", r.Stdout)
	}
	// dockerd says the same.
	h.run(switchOn)
	h.loadImage()
	for args, starts := range map[string]bool{"--network=host": false, "--pid=host": false, "--privileged": false, "--privileged --network=host --userns=host": true, "": true} {
		r, err := h.Run(t.Context(), "sh", "-c", "docker run --rm --runtime=runc "+args+" "+lab.Image+" true")
		if err != nil || (r.Code == 0) != starts {
			t.Errorf("%s: got %v, %v, want it started: %t", args, r, err, starts)
		}
	}
}

func TestFault_U05_ContainerdsImageStore(t *testing.T) {
	onEngines(t, func(t *testing.T, h host) {
		// A store that dockerd chose by default causes a warning.
		r := h.exit(0, "runsc-provisioner plan --userns-remap --allow-hidden-data")
		driver := h.run("docker info -f '{{.DriverStatus}}'")
		if strings.Contains(driver, "io.containerd.snapshotter") != strings.Contains(r.Stdout, "images are in containerd's store") {
			t.Errorf("of images in %s: got %s", driver, r.Stdout)
		}
		if h.run("docker version -f '{{.Server.Version}}'")[:2] == "20" {
			return // this dockerd has no such store
		}
		h.run(`printf '{"features": {"containerd-snapshotter": true}}' > ` + daemonJSON + "; systemctl restart docker")
		h.refused(78, "--userns-remap", "--userns-remap --allow-hidden-data", "containerd-snapshotter")
	})
}

func TestFault_U06_ADirectoryOthersMayNotSearch(t *testing.T) {
	h := boot(t, lab.Options{Name: "u06"})
	h.run("runsc-provisioner apply --default-runtime; chmod o-x /var/lib")
	h.refused(78, "--userns-remap", "--userns-remap --allow-hidden-data", "others may not search /var/lib", "chmod o+x /var/lib")
	h.run("chmod o+x /var/lib; " + switchOn)
}
