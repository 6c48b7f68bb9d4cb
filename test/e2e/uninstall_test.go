package e2e

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// uninstalled runs uninstall on a host whose daemon.json was /root/before.json, or missing without that, and checks that
// it is that again, byte for byte, that dockerd took it without a restart, and that the daemon is off.
func (h host) uninstalled(flags string) {
	h.t.Helper()
	dockerd := h.run("systemctl show -P MainPID docker")
	h.run("runsc-provisioner uninstall " + flags)
	h.want(dockerd, "systemctl show -P MainPID docker")
	h.asBefore()
}

// asBefore fails the test unless daemon.json and dockerd are as before the first apply.
func (h host) asBefore() {
	h.t.Helper()
	h.want(h.run("cat /root/before.json 2>/dev/null | od -c; test -e /root/before.json; echo $?"), "cat "+daemonJSON+" 2>/dev/null | od -c; test -e "+daemonJSON+"; echo $?")
	h.want("", "docker info -f '{{json .Runtimes}}' | grep gvisor || true")
	h.want("", "ls -A "+link+" 2>/dev/null || true")
	h.want("inactive\ndisabled", "systemctl is-active runsc-provisioner; systemctl is-enabled runsc-provisioner || true")
	h.run("docker run --rm " + lab.Image + " true")
}

// nothingLeft fails the test if a purge has left something. The program, its unit and the lab's own configuration stay.
func (h host) nothingLeft() {
	h.t.Helper()
	h.want("", `find / -xdev \( -path /proc -o -path /sys -o -path /opt -o -path /usr/local/lib/runsc-provisioner-lab -o -path /var/log \) -prune -o `+
		`\( -name '*runsc*' -o -name '*gvisor*' \) -print | grep -v '/bin/runsc-provisioner$\|runsc-provisioner.service$\|/etc/runsc-provisioner$\|-lab\|/run/systemd/\|/root/' || true`)
	h.want("", "grep dockremap /etc/passwd /etc/group /etc/subuid /etc/subgid /etc/shadow || true")
	h.want("nothing to do: Docker has nothing of this program", "runsc-provisioner uninstall --purge")
	h.want("", "ls -d /var/lib/runsc-provisioner 2>/dev/null || true")
}

// TestFault_E10_UninstallOfTheDefaultAndTheLastRuntime: dockerd forgets nothing that is only removed, and 20.10 crashes on
// empty runtimes.
func TestFault_E10_UninstallOfTheDefaultAndTheLastRuntime(t *testing.T) {
	t.Parallel()
	for _, suite := range lab.Suites() {
		t.Run(suite, func(t *testing.T) {
			h := boot(t, lab.Options{Suite: suite})
			for name, text := range map[string]string{
				"none":    "",
				"own":     "{\n\t\"debug\": false\n}\n",
				"foreign": `{"runtimes": {"other": {"path": "/usr/bin/runc"}}, "default-runtime": "other"}` + "\n",
				"typed":   `{"runtimes":{"runsc":{"path":"/usr/bin/runc","runtimeArgs":["--debug"]}}, "log-level": "info"}`,
				"empty":   "{}",
			} {
				t.Run(name, func(t *testing.T) {
					h := host{h.Host, t}
					h.run("rm -f /root/before.json " + daemonJSON)
					if text != "" {
						for _, path := range []string{"/root/before.json", daemonJSON} {
							if err := os.WriteFile(h.Path(path), []byte(text), 0o644); err != nil {
								t.Fatal(err)
							}
						}
						h.run("systemctl reload docker")
					}
					h.run("runsc-provisioner apply --default-runtime")
					h.want("runsc", defaultRuntime)
					h.uninstalled("")
					want := "runc"
					if name == "foreign" {
						want = "other"
					}
					h.want(want, defaultRuntime)
				})
			}
		})
	}
}

func TestUninstall_UnderTheServiceWithNamesAndBuilds(t *testing.T) {
	h := boot(t, lab.Options{Buildx: true, Files: map[string]lab.File{
		ownConfig:  {Content: "[docker]\ndefault_runtime = \"runsc\"\nuserns_remap = \"default\"\nnames = \"maintain\"\nbuilds = \"runsc\"\n"},
		daemonJSON: {Content: "{ \"mtu\": 1400 }"},
	}})
	h.run("cp " + daemonJSON + " /root/before.json; docker run --name before --runtime=runc " + lab.Image + " true")
	h.run("runsc-provisioner apply --allow-hidden-data --migrate-images; systemctl enable --now runsc-provisioner")
	h.enforced()
	h.run("docker network create app; docker run -d --name web --network app " + lab.Image + " sleep 1000; docker create --name later " + lab.Image + " true")
	if out := h.exit(4, "runsc-provisioner uninstall --purge"); !strings.Contains(out.Stdout, "web") || !strings.Contains(out.Stdout, "later") {
		t.Errorf("got %v, want the containers named", out)
	}
	h.enforced()
	h.run("docker stop -t 0 web; systemctl reset-failed docker.service docker.socket")
	h.exit(4, "runsc-provisioner uninstall --purge") // the data root of userns-remap would be hidden
	h.enforced()
	h.run("docker run -d --name other --runtime=runc " + lab.Image + " sleep 1000")
	h.exit(4, "runsc-provisioner uninstall --purge --allow-hidden-data") // a restart stops the container
	h.run("runsc-provisioner uninstall --purge --allow-hidden-data --allow-restart")
	h.asBefore()
	h.want("before", "docker ps -a --format '{{.Names}}'")
	h.run("rm -rf /var/lib/docker/*.*") // the data of userns-remap, which is the user's
	h.nothingLeft()
}

// An accident happens to a provisioned host, before uninstall.
type accident struct {
	before string // before the first apply
	damage string
	code   int    // of uninstall without flags, which then changes nothing; 0 tries none
	mend   string // what the user does about that
	flags  string // of the uninstall that succeeds
	want   string // daemon.json without white space
	engine string // dockerd's default runtime, if not runc
	undo   string // what the damage left, that is not of this program
}

// noDockerdFlag undoes dockerdFlag.
const noDockerdFlag = "rm -r /etc/systemd/system/docker.service.d/flag.conf; systemctl daemon-reload; systemctl reset-failed docker.service docker.socket; systemctl restart docker"

// dockerdFlag starts dockerd with one more flag.
func dockerdFlag(flag string) string {
	return "mkdir -p /etc/systemd/system/docker.service.d; printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock " + flag +
		"\\n' >/etc/systemd/system/docker.service.d/flag.conf; systemctl daemon-reload; systemctl restart docker"
}

func accidents() map[string]accident {
	return map[string]accident{
		"an option added": {damage: `sed -i 's/1400,/1400,\n  "debug": true,/' ` + daemonJSON, want: `{"mtu":1400,"debug":true}`},
		"runsc taken out": {damage: `printf '{"mtu": 1400, "default-runtime": "runsc"}' >` + daemonJSON, want: `{"mtu":1400}`},
		"file removed":    {damage: "rm " + daemonJSON, want: ""},
		"runc by hand":    {damage: `sed -i 's/"default-runtime": "runsc"/"default-runtime": "runc"/' ` + daemonJSON, want: `{"mtu":1400}`},
		"another default": {
			damage: `sed -i 's/"default-runtime": "runsc"/"default-runtime": "io.containerd.runc.v2"/' ` + daemonJSON + "; systemctl reload docker",
			want:   `{"mtu":1400,"default-runtime":"io.containerd.runc.v2"}`, engine: "io.containerd.runc.v2",
			undo: "echo '{\"default-runtime\": \"runc\"}' >" + daemonJSON + "; systemctl reload docker",
		},
		"releases deleted":     {damage: "rm -rf " + store, want: `{"mtu":1400}`},
		"link replaced":        {damage: "rm " + link + "; echo mine >" + link, want: `{"mtu":1400}`, undo: "rm " + link},
		"configuration broken": {damage: "echo '[' >/etc/runsc-provisioner/config.toml", want: `{"mtu":1400}`, undo: "rm -f /etc/runsc-provisioner/config.toml"},
		"flags deleted":        {damage: "rm /etc/runsc-provisioner/config.d/50-apply.toml", want: `{"mtu":1400}`},
		"accepted deleted":     {damage: "rm /var/lib/runsc-provisioner/accepted*", want: `{"mtu":1400}`},
		"record deleted":       {damage: "rm /var/lib/runsc-provisioner/before.json", code: 4, flags: "--assume-unset", want: `{"mtu":1400}`},
		"record damaged": {
			damage: "echo x >/var/lib/runsc-provisioner/before.json", code: 78, flags: "--assume-unset", want: `{"mtu":1400}`,
			mend: "rm /var/lib/runsc-provisioner/before.json",
		},
		"files of others in the store": {damage: "echo mine >" + store + "/mine", want: `{"mtu":1400}`, undo: "rm -r " + store},
		"a flag that names runsc": {
			damage: "runsc-provisioner apply --default-runtime=off; " + dockerdFlag("--default-runtime=runsc"), code: 4,
			mend: noDockerdFlag, want: `{"mtu":1400}`,
		},
		"another daemon.json before": {
			before: "echo '{}' >/etc/docker/alt.json; " + dockerdFlag("--config-file=/etc/docker/alt.json"), damage: noDockerdFlag, code: 4,
			mend: "rm /etc/docker/alt.json", want: `{"mtu":1400}`,
		},
		"a store from before": {
			damage: "true", want: `{"mtu":1400}`, before: "mkdir -p /opt/gvisor; printf '[paths]\\nstore = \"/opt/gvisor\"\\n' >/etc/runsc-provisioner/config.d/70-store.toml",
			undo: "rm /etc/runsc-provisioner/config.d/70-store.toml; rmdir /opt/gvisor",
		},
		"a service that is broken": {damage: "systemctl enable runsc-provisioner; mkdir -p /etc/systemd/system/runsc-provisioner.service.d; printf '[Service]\nExecStart=\nExecStart=/bin/false\n' >/etc/systemd/system/runsc-provisioner.service.d/x.conf; systemctl daemon-reload; systemctl start --no-block runsc-provisioner", want: `{"mtu":1400}`, undo: "rm -r /etc/systemd/system/runsc-provisioner.service.d; systemctl daemon-reload"},
	}
}

// accidentsInTest is how many accidents make test takes; make test-suites and make matrix take all.
const accidentsInTest = 4

// TestUninstall_AfterHandsAndAccidents: what others changed since stays, and what is missing is no obstacle.
func TestUninstall_AfterHandsAndAccidents(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{daemonJSON: {Content: "{\n  \"mtu\": 1400\n}\n"}}})
	all := accidents()
	names := slices.Sorted(maps.Keys(all))
	if os.Getenv(suitesEnv) != "all" && os.Getenv(matrixEnv) != "1" {
		source := rand.New(rand.NewPCG(lab.Seed(t), 0))
		source.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		names = names[:accidentsInTest]
	}
	for _, name := range names {
		test := all[name]
		t.Run(name, func(t *testing.T) {
			h := host{h.Host, t}
			h.run(`printf '{\n  "mtu": 1400\n}\n' >` + daemonJSON + "; systemctl reset-failed docker.service docker.socket")
			h.run(cmp.Or(test.before, "true"))
			h.run("runsc-provisioner apply --default-runtime")
			h.run(test.damage)
			if test.code != 0 {
				before := h.snapshot()
				h.exit(test.code, "runsc-provisioner uninstall --purge")
				h.untouched(before)
				h.run(cmp.Or(test.mend, "true"))
			}
			h.run("runsc-provisioner uninstall --purge " + test.flags)
			h.want(test.want, "cat "+daemonJSON+" 2>/dev/null | tr -d ' \\n' || true")
			h.want(cmp.Or(test.engine, "runc"), `docker info -f '{{.DefaultRuntime}} {{with index .Runtimes "runsc"}}{{.Path}}{{end}}'`)
			h.run(cmp.Or(test.undo, "true"))
			h.nothingLeft()
		})
	}
}

// TestUninstall_WithoutDocker: a Docker that is stopped, masked or gone is no reason to keep anything.
func TestUninstall_WithoutDocker(t *testing.T) {
	h := boot(t, lab.Options{Files: map[string]lab.File{daemonJSON: {Content: "{ \"mtu\": 1400 }"}}})
	h.run("cp " + daemonJSON + " /root/before.json")
	const again = "; systemctl reset-failed docker.service docker.socket; systemctl start docker.socket docker"
	for name, way := range map[string]struct{ stop, start string }{
		"stopped": {"systemctl stop docker.socket docker", "true" + again},
		"masked":  {"systemctl stop docker.socket docker; systemctl mask docker", "systemctl unmask docker" + again},
		"removed": {
			"systemctl stop docker.socket docker; mv /usr/lib/systemd/system/docker.service /root; systemctl daemon-reload",
			"mv /root/docker.service /usr/lib/systemd/system; systemctl daemon-reload" + again,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := host{h.Host, t}
			h.run("runsc-provisioner apply --default-runtime")
			h.run(way.stop)
			h.run("runsc-provisioner uninstall --purge")
			h.want("inactive", "systemctl is-active docker || true")
			h.nothingLeft()
			h.run(way.start)
			h.asBefore()
		})
	}
}
