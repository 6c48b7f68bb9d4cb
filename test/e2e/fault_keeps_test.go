package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/provision/capability"
	"runsc-provisioner/test/lab"
)

// wrapper is a program that keeps writes by an argument which daemon.json does not show.
const wrapper = "#!/bin/sh\nexec " + store + "/" + newer + "/runsc --overlay2=none \"$@\"\n"

// countedIn is how many lines a container has in /data: as it sees the file, and as Docker does once it is stopped.
func (h host) countedIn(name string) (inside, docker string) {
	h.t.Helper()
	inside = h.run("docker exec " + name + " sh -c 'sync; wc -l </data'")
	h.run("docker stop -t0 " + name)
	return inside, h.run("docker cp " + name + ":/data - | tar xO | wc -l")
}

// writesOf is what verify says of a runtime's writes.
func (v verification) writesOf(name string) string {
	for _, r := range v.Runtimes {
		if r.Name == name {
			return r.Writes
		}
	}
	return "none"
}

// A wrapper's own arguments are not known. What replaces it must not lose what it kept.
func TestFault_X07_AWrapperIsAdoptedAndWritesAreKept(t *testing.T) {
	o := lab.Options{Files: map[string]lab.File{
		"/opt/wrap.sh":    {Content: wrapper, Mode: 0o755},
		lab.LabConfigPath: ours[lab.LabConfigPath],
	}}
	onEach(t, o, func(t *testing.T, h host) {
		// A release is in the store, and nothing else of this program.
		h.run("runsc-provisioner apply --once --rootfs=sandbox --no-proof --release=" + newer)
		h.run("rm -r /var/lib/runsc-provisioner " + link)
		h.run(`echo '{"runtimes":{"runsc":{"path":"/opt/wrap.sh","runtimeArgs":["--ignore-cgroups"]}}}' >` + daemonJSON + "; systemctl restart docker")
		h.loadImage()
		h.run("docker run -d --runtime=runsc --name w0 " + lab.Image + " sh -c 'echo first >>/data; exec sleep 1000'")
		if got := h.verify(2).writesOf("runsc"); got != "unknown" {
			t.Errorf("verify, before: got writes %s, want them unknown", got)
		}
		if said := h.run("runsc-provisioner apply"); !strings.Contains(said, "/opt/wrap.sh") || !strings.Contains(said, `rootfs = "docker"`) {
			t.Errorf("got %s\nwant the wrapper named, and that writes are kept", said)
		}
		if got, want := h.runtimeArgs("runsc"), []string{"--ignore-cgroups", "--overlay2=none", "--dcache=0"}; !slices.Equal(got, want) {
			t.Errorf("got the arguments %q, want %q", got, want)
		}
		h.run("docker restart -t0 w0")
		h.run("until docker exec w0 sh -c '[ $(wc -l </data) = 2 ]'; do sleep 0.1; done")
		if v := h.verify(0); v.writesOf("runsc") != "kept" {
			t.Errorf("verify, after: got writes %s, want them kept", v.writesOf("runsc"))
		}
		if inside, docker := h.countedIn("w0"); inside != "2" || docker != "2" {
			t.Errorf("got %s lines inside and %s in Docker, want 2 and 2", inside, docker)
		}
		says(t, h.exit(0, "runsc-provisioner apply"), "nothing to do")

		// A shim's options may isolate containers: nothing is changed until arguments are named.
		h.run(`echo '{"runtimes":{"gv":{"runtimeType":"io.containerd.runsc.v1","options":{"TypeUrl":"io.containerd.runsc.v1.options","ConfigPath":"/etc/containerd/runsc.toml"}}}}' >` + daemonJSON +
			"; echo '[docker.runtimes.gv]' >/etc/runsc-provisioner/config.d/20-gv.toml; runsc-provisioner apply >/dev/null; systemctl reload docker")
		held := h.exit(4, "runsc-provisioner apply")
		says(t, held, "/etc/containerd/runsc.toml")
		says(t, held, "docker.runtimes.gv.args")
		if got := h.read(daemonJSON); !strings.Contains(got, `"ConfigPath":"/etc/containerd/runsc.toml"`) {
			t.Errorf("got %s, want gv left alone", got)
		}
		if got := h.verify(2).writesOf("gv"); got != "unknown" {
			t.Errorf("verify: got writes of gv %s, want them unknown", got)
		}
		if version := h.run("docker info -f '{{.ServerVersion}}'"); !capability.Of(version).Can(capability.RuntimeType) {
			h.run("docker run -d --name typed --runtime=gv " + lab.Image + " sleep 1000")
			says(t, lab.Result{Stdout: h.run("runsc-provisioner doctor || true")}, "runtimeType of gv")
			for _, c := range h.verify(2).Containers {
				if c.Name == "typed" && c.State != "not sandboxed" {
					t.Errorf("a runtimeType that dockerd ignores: got %s, want not sandboxed", c.State)
				}
			}
			says(t, h.exit(2, "runsc-provisioner verify"), "which this version of dockerd ignores")
			h.run("docker rm -f typed")
		}
		h.run(`echo 'args = ["--ignore-cgroups", "--network=none"]' >>/etc/runsc-provisioner/config.d/20-gv.toml; runsc-provisioner apply`)
		if got, want := h.runtimeArgs("gv"), []string{"--ignore-cgroups", "--network=none", "--overlay2=none", "--dcache=0"}; !slices.Equal(got, want) {
			t.Errorf("got the arguments %q of gv, want %q", got, want)
		}
	})
}

// A sandbox keeps the overlay that it was started with, and apply and verify say so.
func TestContainersThatGoOnLosingWritesAreNamed(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		const run = "docker run -d "
		const appends = lab.Image + " sh -c 'echo first >>/data; exec sleep 1000'"
		h.run("runsc-provisioner apply --default-runtime --rootfs=sandbox --release=" + newer)
		h.run(run + "--name app " + appends + "; " + run + "--runtime=runc --name outside " + appends)
		var applied struct {
			Losing []string `json:"losing_writes"`
		}
		text := h.run("runsc-provisioner apply --rootfs=docker --format json")
		if err := json.Unmarshal([]byte(text), &applied); err != nil || !slices.Equal(applied.Losing, []string{"app"}) {
			t.Errorf("apply: got %q, %v, want app named", applied.Losing, err)
		}
		h.run(run + "--name since " + appends)
		named := func(v verification) (all []string) {
			for _, f := range v.Findings {
				if f.Code == "container-writes" {
					all = append(all, f.Object)
				}
			}
			return all
		}
		v := h.verify(1)
		if got := named(v); !slices.Equal(got, []string{"container app"}) {
			t.Errorf("verify: got %q named, want app alone", got)
		}
		for _, c := range v.Containers {
			if want := map[string]string{"app": "lost", "since": "kept", "outside": ""}[c.Name]; c.Writes != want {
				t.Errorf("%s: got writes %q, want %q", c.Name, c.Writes, want)
			}
		}
		h.run("docker restart -t0 app; docker rm -f outside")
		if got := named(h.verify(0)); len(got) > 0 {
			t.Errorf("verify, after the restart: got %q named, want none", got)
		}
		h.run("until docker exec app test -s /data; do sleep 0.1; done")
		if inside, docker := h.countedIn("app"); inside != "1" || docker != "1" {
			t.Errorf("got %s lines inside and %s in Docker, want 1 and 1: the first start's are lost", inside, docker)
		}
	})
}
